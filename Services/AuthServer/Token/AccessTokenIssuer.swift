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
    let grants: AccessGrantStore
    let statuses: StatusIndices
    let clock: WallClock
    private let tokenIDs = TokenIDs()

    /// What every token of a decision says, and how long it lives: never longer than what the person granted.
    func decision(
        for client: Client, _ authority: GrantedAuthority, scopes: ScopeSet, tenant: Tenant
    ) -> RecognizedRequests.Decision {
        let grant = authority.person?.grant
        let sessionID = grant?.sessionName
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
            ),
            holder: StatusListStore.Holder(
                clientID: client.id, subject: authority.subject, sessionID: sessionID, grantID: grant?.id.description)
        )
    }

    /// - Parameter decidedAt: when the decision began, in seconds since 1970.
    /// - Returns: the compact JWT, which is ASCII.
    func issue(_ decision: RecognizedRequests.Decision, for person: GrantedPerson?, decidedAt: Int64) async throws -> [UInt8] {
        let ring = try await keys.require(decision.tenant.id)
        let now = try await momentOfIssue(decision, for: person, decidedAt: decidedAt)
        let expiresAt = now + Int64(decision.lifetimeSeconds)
        guard decision.tenant.settings.publishesTokenStatus else {
            return try ring.signer.signedBytes(
                payload: decision.template.payload(issuedAt: now, expiresAt: expiresAt, tokenID: tokenIDs.next()))
        }
        let index = try await statuses.next(for: decision, issuedAt: now)
        let status = AccessTokenCodec.Status(uri: index.list.uri(issuers.issuer(of: decision.tenant.slug)), index: index.index)
        return try ring.signer.signedBytes(
            payload: decision.template.payload(
                issuedAt: now, expiresAt: expiresAt, tokenID: index.tokenID(tokenIDs.next()), status: status))
    }

    /// `iat`: not later than the statement that the decision rests on, so that a revocation which waited for that statement covers the token.
    ///
    /// A revocation kills what was issued up to its second. What is issued in that very second would be born dead, so it waits for the next;
    /// and since that revocation may be meant for it, its grant is asked for. One that is revoked was still good when the request spent its code or
    /// refresh token: it is answered as a moment earlier, with a token that is dead.
    private func momentOfIssue(
        _ decision: RecognizedRequests.Decision, for person: GrantedPerson?, decidedAt: Int64
    ) async throws -> Int64 {
        guard revocations.revokes(decision.revocable, issuedAt: decidedAt) else { return decidedAt }
        guard try await stands(person?.grant, in: decision.tenant.id) else { return decidedAt }
        for _ in 0..<80 where revocations.revokes(decision.revocable, issuedAt: clock.now) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let now = clock.now
        // It may have been revoked while this waited, unheard of here yet.
        return try await stands(person?.grant, in: decision.tenant.id) ? now : decidedAt
    }

    private func stands(_ grant: AccessGrant?, in tenant: TenantID) async throws -> Bool {
        guard let grant else { return true }
        return try await grants.isAlive(grant.id, in: tenant)
    }
}
