import Cryptography
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// RFC 6749 §6 with rotation (RFC 9700 §4.14.2).
struct RefreshTokenGrant: TokenGrant {
    let type = GrantType.refreshToken
    let store: AccessGrantStore
    let refreshTokens: RefreshTokens
    let clock: WallClock

    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority {
        guard let token = RefreshToken(parsing: try request.parameters.require("refresh_token")) else { throw Self.refusal }
        let now = clock.now
        if let asked = request.scopes { try await check(asked, token, client: client, tenant: tenant, now: now) }

        let successor = try await refreshTokens.successor(of: token)
        let standing = try await store.rotate(
            token, to: successor, idleUntil: now + Int64(client.refreshTokenIdleSeconds), for: client.id, in: tenant.id, now: now
        )
        if let standing {
            return try GrantedAuthority(standing, asked: request.scopes, refreshToken: successor, nonce: nil)
        }
        let repeated = try await resume(token, successor, request, client: client, tenant: tenant, now: now)
        return try GrantedAuthority(repeated, asked: request.scopes, refreshToken: successor, nonce: nil)
    }

    /// Before the token is spent: a client that asks for too much keeps it.
    private func check(_ asked: ScopeSet, _ token: RefreshToken, client: Client, tenant: Tenant, now: Int64) async throws {
        guard let grant = try await store.find(token.grant, in: tenant.id), grant.clientID == client.id else { throw Self.refusal }
        guard asked.intersection(grant.scopes) == asked else {
            throw OAuthError(.invalidScope, "the scope exceeds what was granted")
        }
    }

    /// What to make of a token that is not the good one: a retry within the grace window, which gets the same successor; a spent one, whose
    /// family ends; or one that was never ours.
    private func resume(
        _ token: RefreshToken, _ successor: OpaqueSecret, _ request: TokenRequest, client: Client, tenant: Tenant, now: Int64
    ) async throws -> StandingGrant {
        guard let state = try await store.refreshState(of: token.grant, in: tenant.id, now: now), state.clientID == client.id,
            state.isAlive,
            let current = state.hash
        else { throw Self.refusal }
        if let standing = state.standing, state.refreshedAt + RefreshTokens.graceSeconds > now,
            constantTimeEqual(state.previousHash ?? [], token.secret.hash), constantTimeEqual(current, successor.hash)
        {
            return standing
        }
        if try await refreshTokens.isAncestor(token, of: current, generation: state.generation) {
            try await revokeFamily(of: token, request, client: client, tenant: tenant, now: now)
        }
        throw Self.refusal
    }

    private func revokeFamily(of token: RefreshToken, _ request: TokenRequest, client: Client, tenant: Tenant, now: Int64) async throws {
        let event = AuditEvent(
            "refresh_token.reused", by: .client(client.id.rawValue), on: "grant", token.grant.description, from: request.origin
        )
        try await store.write(
            Revocation.grant(token.grant).statements(in: tenant.id, reason: "refresh token used twice", now: now)
                + [event.insertion(in: tenant.id)],
            in: tenant.id
        )
    }

    /// The same words for every cause.
    private static let refusal = OAuthError(
        .invalidGrant, "the refresh token is invalid, expired, revoked, or was issued to another client")
}
