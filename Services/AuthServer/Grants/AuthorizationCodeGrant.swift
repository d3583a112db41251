import OAuth
import Postgres
import ServiceKit
import Tenancy

/// RFC 6749 §4.1.3 with PKCE (RFC 7636 §4.5).
///
/// The code is spent by one statement, which checks everything it is bound to, before a token is made. A code that comes a second time
/// has leaked: what the first one gave is revoked (RFC 9700 §2.1.1).
struct AuthorizationCodeGrant: TokenGrant {
    let type = GrantType.authorizationCode
    let store: AccessGrantStore
    let refreshTokens: RefreshTokens
    let clock: WallClock

    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority {
        let presented = try request.parameters.require("code")
        // Required where the authorization request named it (RFC 6749 §4.1.3), which the code's row knows.
        let redirectURI = request.parameters["redirect_uri"]
        let verifier = try CodeVerifier(request.parameters.require("code_verifier"))
        guard let code = AuthorizationCode(parsing: presented) else { throw Self.refusal }

        let now = clock.now
        let refreshToken = client.grantTypes.contains(.refreshToken) ? refreshTokens.first(of: code.grant) : nil
        let redeemed = try await store.redeem(
            code, for: client.id, redirectURI: redirectURI, codeChallenge: CodeChallenge(s256: verifier).rawValue,
            refresh: refreshToken.map { ($0.hash, now + Int64(client.refreshTokenIdleSeconds)) }, in: tenant.id, now: now
        )
        guard let redeemed else {
            try await revokeIfSpent(code, request, client: client, tenant: tenant, now: now)
            throw Self.refusal
        }
        return try GrantedAuthority(redeemed.standing, asked: nil, refreshToken: refreshToken, nonce: redeemed.nonce)
    }

    private func revokeIfSpent(_ code: AuthorizationCode, _ request: TokenRequest, client: Client, tenant: Tenant, now: Int64) async throws
    {
        guard try await store.isSpent(code, by: client.id, in: tenant.id) else { return }
        let event = AuditEvent(
            "authorization_code.reused", by: .client(client.id.rawValue), on: "grant", code.grant.description, from: request.origin
        )
        try await store.write(
            Revocation.grant(code.grant).statements(in: tenant.id, reason: "authorization code used twice", now: now)
                + [event.insertion(in: tenant.id)],
            in: tenant.id
        )
    }

    /// The same words for every cause.
    private static let refusal = OAuthError(.invalidGrant, "the authorization code is invalid, expired, or was issued for another request")
}
