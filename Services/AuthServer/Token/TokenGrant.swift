import OAuth
import Tenancy

/// What one `grant_type` adds to the token endpoint; parsing, client authentication and scope checks are shared and cannot be skipped.
protocol TokenGrant: Sendable {
    var type: GrantType { get }
    /// Whether the same request leads to the same authority each time, and to nothing else.
    var isRepeatable: Bool { get }

    /// Decides on whose behalf the token is issued and what bounds it.
    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority
}

/// On whose behalf a token is issued.
struct GrantedAuthority: Sendable {
    let subject: String
    let roles: [String]
    /// The most that the client's own scopes are narrowed to; nil: no further bound.
    let bound: ScopeSet?
}

/// RFC 6749 §4.4: the client acts for itself.
struct ClientCredentialsGrant: TokenGrant {
    let type = GrantType.clientCredentials
    let isRepeatable = true

    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority {
        guard client.authenticationMethod != .none else {
            throw OAuthError(.unauthorizedClient, "public clients cannot use this grant")
        }
        return GrantedAuthority(
            subject: client.id.rawValue,
            roles: client.role.map { [$0.name] } ?? [],
            bound: try client.role.map { role in ScopeSet(try role.permissions.map { try Scope($0) }) }
        )
    }
}
