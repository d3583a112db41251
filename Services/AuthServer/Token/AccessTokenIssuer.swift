import Cryptography
import FoundationEssentials
import JOSE
import OAuth
import Revocation
import ServiceKit
import Tenancy

/// Signs access tokens with the tenant's active key, from memory alone.
struct AccessTokenIssuer: Sendable {
    let issuers: Issuers
    /// `aud`: the resource server's identifier.
    let audience: String
    let keys: KeyRings
    let revocations: RevocationIndex
    let clock: WallClock

    /// What every token of a decision says, and how long it lives: never longer than what the person granted.
    func decision(
        for client: Client, _ authority: GrantedAuthority, scopes: ScopeSet, tenant: Tenant
    ) -> RecognizedRequests.Decision {
        let grant = authority.person?.grant
        let sessionID = grant?.sessionID.map { $0.uuidString.lowercased() }
        let template = AccessTokenCodec.Template(
            AccessTokenClaims(
                issuer: issuers.issuer(of: tenant.slug), subject: authority.subject, audience: audience, issuedAt: 0, expiresAt: 0,
                tokenID: "", clientID: client.id, scopes: scopes, tenant: tenant.slug, tenantID: tenant.id, roles: authority.roles,
                sessionID: sessionID, grantID: grant?.id.description
            )
        )
        return RecognizedRequests.Decision(
            tenant: tenant,
            client: client.id,
            scopes: scopes,
            lifetimeSeconds: min(client.accessTokenLifetimeSeconds, grant.map { Int(max(0, $0.expiresAt - clock.now)) } ?? .max),
            template: template,
            revocable: RevocableToken(
                tenant: tenant.id, tokenID: "", grantID: grant?.id.description, sessionID: sessionID, subject: authority.subject,
                clientID: client.id.rawValue, issuedAt: 0
            )
        )
    }

    /// - Returns: the compact JWT, which is ASCII.
    func issue(_ decision: RecognizedRequests.Decision) async throws -> [UInt8] {
        let ring = try await keys.require(decision.tenant.id)
        let now = try await momentOfIssue(decision.revocable)
        let payload = decision.template.payload(
            issuedAt: now, expiresAt: now + Int64(decision.lifetimeSeconds), tokenID: Base64URL.encode(SecureRandom.bytes(16))
        )
        return try ring.signer.signedBytes(payload: payload)
    }

    /// A revocation kills what was issued up to its second, so what is issued in that very second would be born dead: it waits for the next.
    private func momentOfIssue(_ token: RevocableToken) async throws -> Int64 {
        for _ in 0..<40 where revocations.revokes(token, issuedAt: clock.now) {
            try await Task.sleep(for: .milliseconds(50))
        }
        return clock.now
    }
}
