import ArgumentParser
import FoundationEssentials
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
        try check(client)
    }

    private func applyKeys(to client: inout Client) throws {
        guard jwksFile == nil || jwksURI == nil else { throw CommandFailure("give either --jwks-file or --jwks-uri, not both") }
        if let jwksFile {
            guard let data = try? Data(contentsOf: URL(filePath: jwksFile)) else {
                throw CommandFailure("--jwks-file: \(jwksFile) cannot be read")
            }
            do {
                _ = try ClientKeySet(registering: Array(data))
            } catch let error as ClientKeyError {
                throw CommandFailure("--jwks-file: \(jwksFile): \(error)")
            }
            client.jwks = String(decoding: data, as: UTF8.self)
            client.jwksURI = nil
        }
        if let jwksURI {
            guard KeySetURI(jwksURI) != nil else { throw CommandFailure("--jwks-uri: give an https URL, without user name and fragment") }
            client.jwksURI = jwksURI
            client.jwks = nil
        }
    }

    /// Settings that cannot work together are refused here rather than at the first request.
    private func check(_ client: Client) throws {
        if client.authenticationMethod == .none, !client.grantTypes.isDisjoint(with: [.clientCredentials, .password]) {
            throw CommandFailure("a public client (--auth-method none) cannot use client_credentials or password")
        }
        if client.authenticationMethod == .privateKeyJWT, client.jwks == nil, client.jwksURI == nil {
            throw CommandFailure("--auth-method private_key_jwt needs --jwks-file or --jwks-uri")
        }
        if client.grantTypes.contains(.authorizationCode), client.redirectURIs.isEmpty {
            throw CommandFailure("--grant authorization_code needs --redirect-uri")
        }
    }
}
