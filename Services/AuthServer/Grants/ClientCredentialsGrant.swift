import OAuth
import Tenancy

/// RFC 6749 §4.4: the client acts for itself.
struct ClientCredentialsGrant: TokenGrant {
    let type = GrantType.clientCredentials
    let isRepeatable = true

    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority {
        guard client.authenticationMethod != .none else {
            throw OAuthError(.unauthorizedClient, "public clients cannot use this grant")
        }
        // About people, and no person is there.
        let scopes = ScopeSet(client.scopes.scopes.filter { !ScopeSet.identity.contains($0) })
        return GrantedAuthority(
            subject: client.id.rawValue,
            roles: client.role.map { [$0.name] } ?? [],
            asked: request.scopes,
            bound: try client.role.map { role in scopes.intersection(ScopeSet(try role.permissions.map { try Scope($0) })) } ?? scopes
        )
    }
}
