import ArgumentParser
import FoundationEssentials
import JOSE
import OAuth
import Tenancy

/// Every setting of a client, as options of `client create` and `client update`. What is not given keeps its value.
struct ClientSettingsOptions: ParsableArguments {
    @Option(help: "The name that people see.") var name: String?
    @Option(
        name: .customLong("grant"),
        help: "A grant it may use; repeat for several: \(GrantType.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var grants: [String] = []
    @Option(help: "How it authenticates: \(ClientAuthenticationMethod.allCases.map(\.rawValue).joined(separator: ", ")).")
    var authMethod: String?
    @Option(name: .customLong("redirect-uri"), help: "A redirect URI, compared exactly; repeat for several.")
    var redirectURIs: [String] = []
    @Option(help: "A file with its public keys as a JWK Set, for private_key_jwt.") var jwksFile: String?
    @Option(name: .customLong("jwks-uri"), help: "Where its public keys are published.") var jwksURI: String?
    @Option(help: "The scopes it may have, separated by spaces; * is a wildcard on either side, as in *:read.") var scope: String?
    @Option(help: "The role it has when it acts for itself; its scopes are narrowed to the role's permissions.") var role: String?
    @Option(help: "Lifetime of its access tokens, 60 to 86400 seconds.") var accessTokenLifetime: Int?
    @Option(help: "Lifetime of its refresh tokens, 300 to 31536000 seconds.") var refreshTokenLifetime: Int?

    @Option(help: "How long a refresh token is good when it is not used, 60 to 31536000 seconds.") var refreshTokenIdle: Int?
    @Flag(inversion: .prefixedNo, help: "A first-party client asks nobody for consent.") var firstParty: Bool?
    @Flag(inversion: .prefixedNo, help: "It may introspect its tenant's tokens.") var resourceServer: Bool?
    @Option(name: .customLong("post-logout-redirect-uri"), help: "Where signing out may lead; repeat for several.")
    var postLogoutRedirectURIs: [String] = []
    @Option(help: "public, or pairwise: another sub in every sector.") var subjectType: String?
    @Option(help: "The host that pairwise subjects are made for (default: that of the redirect URIs).") var sectorIdentifier: String?
    @Option(help: "Sign UserInfo answers with this algorithm; none for plain JSON.") var userinfoSignedResponseAlg: String?

    /// - Throws: a message that names the option.
    func apply(to client: inout Client, role find: (String) async throws -> Role?) async throws {
        if let name { client.name = name }
        if !grants.isEmpty {
            client.grantTypes = Set(
                try grants.map { text in
                    guard let grant = GrantType(rawValue: text) else { throw CommandFailure("--grant: ‘\(text)’ is not a grant type") }
                    return grant
                }
            )
        }
        if let authMethod {
            guard let method = ClientAuthenticationMethod(rawValue: authMethod) else {
                throw CommandFailure("--auth-method: ‘\(authMethod)’ is not an authentication method")
            }
            client.authenticationMethod = method
        }
        if !redirectURIs.isEmpty { client.redirectURIs = try redirectURIs.map { try RedirectURI($0) } }
        try applyKeys(to: &client)
        if let scope {
            do {
                client.scopes = try ScopeSet(parsing: scope)
            } catch {
                throw CommandFailure("--scope: \(error.description)")
            }
        }
        if let role {
            guard let found = try await find(role) else { throw CommandFailure("--role: the tenant has no role ‘\(role)’") }
            client.role = found
        }
        if let accessTokenLifetime {
            guard (60...86_400).contains(accessTokenLifetime) else {
                throw CommandFailure("--access-token-lifetime: give 60 to 86400 seconds")
            }
            client.accessTokenLifetimeSeconds = accessTokenLifetime
        }
        if let refreshTokenLifetime {
            guard (300...31_536_000).contains(refreshTokenLifetime) else {
                throw CommandFailure("--refresh-token-lifetime: give 300 to 31536000 seconds")
            }
            client.refreshTokenLifetimeSeconds = refreshTokenLifetime
        }
        try applyOpenIDConnect(to: &client)
        do {
            try client.check()
        } catch {
            throw CommandFailure(error.description)
        }
    }

    private func applyOpenIDConnect(to client: inout Client) throws {
        if let refreshTokenIdle {
            guard (60...31_536_000).contains(refreshTokenIdle) else {
                throw CommandFailure("--refresh-token-idle: give 60 to 31536000 seconds")
            }
            client.refreshTokenIdleSeconds = refreshTokenIdle
        }
        if let firstParty { client.isFirstParty = firstParty }
        if let resourceServer { client.isResourceServer = resourceServer }
        if !postLogoutRedirectURIs.isEmpty { client.postLogoutRedirectURIs = try postLogoutRedirectURIs.map { try RedirectURI($0) } }
        if let subjectType {
            guard let type = Client.SubjectType(rawValue: subjectType) else {
                throw CommandFailure("--subject-type: give public or pairwise")
            }
            client.subjectType = type
        }
        if let sectorIdentifier { client.sectorIdentifier = sectorIdentifier.isEmpty ? nil : sectorIdentifier }
        if let userinfoSignedResponseAlg {
            client.userInfoSignedResponseAlgorithm =
                userinfoSignedResponseAlg == "none" ? nil : try SigningAlgorithmOption.parse(userinfoSignedResponseAlg).rawValue
        }
    }

    private func applyKeys(to client: inout Client) throws {
        guard jwksFile == nil || jwksURI == nil else { throw CommandFailure("give either --jwks-file or --jwks-uri, not both") }
        if let jwksFile {
            guard let data = try? Data(contentsOf: URL(filePath: jwksFile)) else {
                throw CommandFailure("--jwks-file: \(jwksFile) cannot be read")
            }
            do {
                _ = try JWKSet(parsing: Array(data))
            } catch {
                throw CommandFailure("--jwks-file: \(jwksFile) is not a JWK Set: \(error)")
            }
            client.jwks = String(decoding: data, as: UTF8.self)
            client.jwksURI = nil
        }
        if let jwksURI {
            guard let url = URL(string: jwksURI), url.scheme == "https", url.host() != nil else {
                throw CommandFailure("--jwks-uri: give an https URL")
            }
            client.jwksURI = jwksURI
            client.jwks = nil
        }
    }
}
