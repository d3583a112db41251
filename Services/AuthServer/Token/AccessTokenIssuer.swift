import Cryptography
import JOSE
import OAuth
import ServiceKit
import Tenancy

/// Signs access tokens with the tenant's active key, from memory alone.
struct AccessTokenIssuer: Sendable {
    let issuers: Issuers
    /// `aud`: the resource server's identifier.
    let audience: String
    let keys: KeyRings
    let clock: WallClock
    private let tokenIDs = TokenIDs()

    /// What every token of a decision says.
    func template(for client: Client, _ authority: GrantedAuthority, scopes: ScopeSet, tenant: Tenant) -> AccessTokenCodec.Template {
        AccessTokenCodec.Template(
            AccessTokenClaims(
                issuer: issuers.issuer(of: tenant.slug), subject: authority.subject, audience: audience, issuedAt: 0, expiresAt: 0,
                tokenID: "", clientID: client.id, scopes: scopes, tenant: tenant.slug, tenantID: tenant.id, roles: authority.roles
            )
        )
    }

    /// - Returns: the compact JWT, which is ASCII.
    func issue(_ template: AccessTokenCodec.Template, lifetimeSeconds: Int, tenant: TenantID) async throws -> [UInt8] {
        let ring = try await keys.require(tenant)
        let now = clock.now
        let payload = template.payload(
            issuedAt: now, expiresAt: now + Int64(lifetimeSeconds), tokenID: tokenIDs.next()
        )
        return try ring.signer.signedBytes(payload: payload)
    }
}
