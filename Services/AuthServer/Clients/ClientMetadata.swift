import FoundationEssentials
import JOSE
import JSON
import OAuth
import Tenancy

/// Clients as JSON, in the names of RFC 7591 §2: what the REST API, `apply` and `--json` read and write.
extension Client {
    /// Without secrets.
    var metadata: JSONObject {
        var object = settings
        object["disabled"] = .bool(isDisabled)
        return JSONObject([("client_id", .string(id.rawValue))] + object.members.map { ($0.name, $0.value) })
    }

    /// What can be set, each member in its place; those that say nothing are left out.
    var settings: JSONObject {
        var object: JSONObject = [
            "client_name": .string(name),
            "grant_types": .array(grantTypes.map(\.rawValue).sorted().map(JSONValue.string)),
            "token_endpoint_auth_method": .string(authenticationMethod.rawValue),
            "redirect_uris": .array(redirectURIs.map { .string($0.rawValue) }),
            "post_logout_redirect_uris": .array(postLogoutRedirectURIs.map { .string($0.rawValue) }),
            "scope": .string(scopes.description),
            "access_token_lifetime": .integer(Int64(accessTokenLifetimeSeconds)),
            "refresh_token_lifetime": .integer(Int64(refreshTokenLifetimeSeconds)),
            "refresh_token_idle_lifetime": .integer(Int64(refreshTokenIdleSeconds)),
            "first_party": .bool(isFirstParty),
            "resource_server": .bool(isResourceServer),
            "subject_type": .string(subjectType.rawValue),
        ]
        if let role { object["role"] = .string(role.name) }
        if let jwks, let value = try? JSONValue(parsing: jwks) { object["jwks"] = value }
        if let jwksURI { object["jwks_uri"] = .string(jwksURI) }
        if let sectorIdentifier { object["sector_identifier"] = .string(sectorIdentifier) }
        if let userInfoSignedResponseAlgorithm { object["userinfo_signed_response_alg"] = .string(userInfoSignedResponseAlgorithm) }
        return object
    }

    static let settingsSchema: [Schema.Property] = [
        .init("client_name", .text(1...200), "The name that people see."),
        .init("grant_types", .array(.choice(GrantType.allCases.map(\.rawValue)), maximum: 4), "The grants it may use."),
        .init("token_endpoint_auth_method", .choice(ClientAuthenticationMethod.allCases.map(\.rawValue)), "How it authenticates."),
        .init("redirect_uris", .array(.text(1...2000), maximum: 100), "Redirect URIs, compared exactly."),
        .init("post_logout_redirect_uris", .array(.text(1...2000), maximum: 100), "Where signing out may lead."),
        .init("jwks", .nullable(.free), "Its public keys as a JWK Set; excludes jwks_uri."),
        .init("jwks_uri", .nullable(.text(1...2000)), "Where its public keys are published; https."),
        .init("scope", .text(0...8000), "The scopes it may have, separated by single spaces."),
        .init("role", .nullable(.text(1...63)), "The role it has when it acts for itself."),
        .init("access_token_lifetime", .integer(60...86_400), "In seconds."),
        .init("refresh_token_lifetime", .integer(300...31_536_000), "In seconds: the absolute life of a grant."),
        .init("refresh_token_idle_lifetime", .integer(60...31_536_000), "In seconds: how long a refresh token is good unused."),
        .init("first_party", .boolean, "A first-party client asks nobody for consent."),
        .init("resource_server", .boolean, "Whether it may introspect its tenant's tokens."),
        .init("subject_type", .choice(["public", "pairwise"]), "OpenID Connect Core §8."),
        .init("sector_identifier", .nullable(.text(1...253)), "The host that pairwise subjects are made for."),
        .init(
            "userinfo_signed_response_alg", .nullable(.choice(JWSAlgorithm.signing.map(\.rawValue))),
            "Sign UserInfo answers; null for plain JSON."),
    ]

    /// Sets what the object has; what it has not stays. Members are known and of the right type (``settingsSchema``).
    ///
    /// - Throws: ``Problem`` naming the member whose value is not usable.
    mutating func set(_ object: JSONObject, role find: (String) async throws -> Role?) async throws {
        for (member, value) in object.members {
            switch member {
            case "client_name": name = value.stringValue ?? name
            case "grant_types": grantTypes = Set((value.arrayValue ?? []).compactMap { $0.stringValue.flatMap(GrantType.init) })
            case "token_endpoint_auth_method":
                authenticationMethod = value.stringValue.flatMap(ClientAuthenticationMethod.init) ?? authenticationMethod
            case "redirect_uris": redirectURIs = try Self.uris(value, member)
            case "post_logout_redirect_uris": postLogoutRedirectURIs = try Self.uris(value, member)
            case "jwks": jwks = try Self.keys(value)
            case "jwks_uri": jwksURI = try Self.httpsURL(value, member)
            case "scope":
                do {
                    scopes = try ScopeSet(parsing: value.stringValue ?? "")
                } catch {
                    throw Problem(.malformed, error.description, pointer: "/scope")
                }
            case "role":
                guard let name = value.stringValue else {
                    role = nil
                    continue
                }
                guard let found = try await find(name) else {
                    throw Problem(.malformed, "there is no role ‘\(name)’", pointer: "/role")
                }
                role = found
            case "access_token_lifetime": accessTokenLifetimeSeconds = value.intValue.map(Int.init) ?? accessTokenLifetimeSeconds
            case "refresh_token_lifetime": refreshTokenLifetimeSeconds = value.intValue.map(Int.init) ?? refreshTokenLifetimeSeconds
            case "refresh_token_idle_lifetime": refreshTokenIdleSeconds = value.intValue.map(Int.init) ?? refreshTokenIdleSeconds
            case "first_party": isFirstParty = value.boolValue ?? isFirstParty
            case "resource_server": isResourceServer = value.boolValue ?? isResourceServer
            case "subject_type": subjectType = value.stringValue.flatMap(SubjectType.init) ?? subjectType
            case "sector_identifier": sectorIdentifier = value.stringValue
            case "userinfo_signed_response_alg": userInfoSignedResponseAlgorithm = value.stringValue
            default: break
            }
        }
    }

    /// Settings that cannot work together are refused here rather than at the first request.
    func check() throws(Problem) {
        if grantTypes.isEmpty, !isResourceServer {
            throw Problem(.malformed, "a client has a grant type, or is a resource server", pointer: "/grant_types")
        }
        if authenticationMethod == .none, !grantTypes.isDisjoint(with: [.clientCredentials, .password]) {
            throw Problem(.malformed, "a public client cannot use client_credentials or password", pointer: "/token_endpoint_auth_method")
        }
        if authenticationMethod == .privateKeyJWT, jwks == nil, jwksURI == nil {
            throw Problem(.malformed, "private_key_jwt needs jwks or jwks_uri", pointer: "/token_endpoint_auth_method")
        }
        if jwks != nil, jwksURI != nil { throw Problem(.malformed, "give jwks or jwks_uri, not both", pointer: "/jwks_uri") }
        if grantTypes.contains(.authorizationCode), redirectURIs.isEmpty {
            throw Problem(.malformed, "authorization_code needs redirect_uris", pointer: "/redirect_uris")
        }
    }

    /// The names of the settings in which two differ.
    func differences(from other: Client) -> [String] {
        let (mine, theirs) = (settings, other.settings)
        return Self.settingsSchema.map(\.name).filter { mine[$0] != theirs[$0] }
    }

    private static func uris(_ value: JSONValue, _ member: String) throws(Problem) -> [RedirectURI] {
        var uris: [RedirectURI] = []
        for (index, element) in (value.arrayValue ?? []).enumerated() {
            do {
                uris.append(try RedirectURI(element.stringValue ?? ""))
            } catch {
                throw Problem(.malformed, error.description, pointer: "/\(member)/\(index)")
            }
        }
        return uris
    }

    private static func keys(_ value: JSONValue) throws(Problem) -> String? {
        guard !value.isNull else { return nil }
        let text = String(decoding: value.serialized(), as: UTF8.self)
        do {
            _ = try JWKSet(parsing: Array(text.utf8))
        } catch {
            throw Problem(.malformed, "is not a JWK Set", pointer: "/jwks")
        }
        return text
    }

    private static func httpsURL(_ value: JSONValue, _ member: String) throws(Problem) -> String? {
        guard let text = value.stringValue else { return nil }
        guard let url = URL(string: text), url.scheme == "https", url.host() != nil else {
            throw Problem(.malformed, "give an https URL", pointer: "/\(member)")
        }
        return text
    }
}
