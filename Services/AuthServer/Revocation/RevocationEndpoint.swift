import HTTPTypes
import Hummingbird
import OAuth
import Postgres
import Revocation
import ServiceKit
import Tenancy

/// `POST /t/{tenant}/oauth2/revoke` and `POST /oauth2/revoke` (RFC 7009). Answers after commit.
///
/// Revoking a refresh token ends its grant, and with it the access tokens born of it.
struct RevocationEndpoint: Sendable {
    let requestTenant: RequestTenant
    let authenticator: ClientAuthenticator
    let verifier: AccessTokenVerifier
    let grants: AccessGrantStore
    let refreshTokens: RefreshTokens
    let index: RevocationIndex
    let clock: WallClock

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/oauth2/revoke", [.post: revoke, .options: CrossOrigin.preflight])
        router.route("oauth2/revoke", [.post: revoke, .options: CrossOrigin.preflight])
    }

    @Sendable private func revoke(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let asked = try await ClientRequest(
            request, context, requestTenant: requestTenant, authenticator: authenticator, at: .revocation
        )
        let origin = RequestOrigin(request, context)
        if let token = RefreshToken(parsing: asked.token) {
            try await revoke(token, asked, origin)
        } else {
            try await revokeAccessToken(asked, origin)
        }
        // Unknown, expired and already revoked tokens are as dead as the client wants them (§2.2).
        return Response(status: .ok, headers: [.cacheControl: "no-store", .accessControlAllowOrigin: "*"])
    }

    private func revoke(_ token: RefreshToken, _ asked: ClientRequest, _ origin: RequestOrigin) async throws {
        guard let state = try await grants.refreshState(of: token.grant, in: asked.tenant.id, now: clock.now), state.isAlive,
            let current = state.hash
        else { return }
        let isGood = current == token.secret.hash
        let isOurs = if isGood { true } else { try await refreshTokens.isAncestor(token, of: current, generation: state.generation) }
        guard isOurs else { return }
        guard state.clientID == asked.client.id else { throw Self.anothers }
        let event = AuditEvent(
            "grant.revoked", by: .client(asked.client.id.rawValue), on: "grant", token.grant.description, from: origin
        )
        try await commit(.grant(token.grant), event, in: asked.tenant.id)
    }

    private func revokeAccessToken(_ asked: ClientRequest, _ origin: RequestOrigin) async throws {
        guard let claims = try await verifier.verifyRevocable(Array(asked.token.utf8), tenant: asked.tenant) else { return }
        guard claims.clientID == asked.client.id else { throw Self.anothers }
        let event = AuditEvent("token.revoked", by: .client(asked.client.id.rawValue), on: "token", claims.tokenID, from: origin)
        try await commit(.token(claims.tokenID, expiresAt: claims.expiresAt), event, in: asked.tenant.id)
    }

    /// This instance need not wait for the announcement of what it wrote itself.
    private func commit(_ revocation: Revocation, _ event: AuditEvent, in tenant: TenantID) async throws {
        let now = clock.now
        try await grants.write(
            revocation.statements(in: tenant, reason: "revoked by the client", now: now) + [event.insertion(in: tenant)], in: tenant
        )
        index.insert(revocation.entry(in: tenant, now: now))
    }

    private static let anothers = OAuthError(.invalidRequest, "the token was issued to another client")
}
