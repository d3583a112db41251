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

    /// - Returns: the compact JWT, which is ASCII.
    func issue(
        to client: Client, for authority: GrantedAuthority, scopes: ScopeSet, tenant: Tenant
    ) async throws -> [UInt8] {
        let ring = try await keys.require(tenant.id)
        let now = clock.now
        let claims = AccessTokenClaims(
            issuer: issuers.issuer(of: tenant.slug),
            subject: authority.subject,
            audience: audience,
            issuedAt: now,
            expiresAt: now + Int64(client.accessTokenLifetimeSeconds),
            tokenID: Base64URL.encode(SecureRandom.bytes(16)),
            clientID: client.id,
            scopes: scopes,
            tenant: tenant.slug,
            tenantID: tenant.id,
            roles: authority.roles
        )
        return try ring.signer.signedBytes(payload: AccessTokenCodec.payload(claims))
    }
}
