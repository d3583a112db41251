import FoundationEssentials
import HTTPTypes
import Hummingbird
import JOSE
import JSON
import OAuth
import ServiceKit
import Tenancy

/// `POST /t/{tenant}/oauth2/introspect` and `POST /oauth2/introspect` (RFC 7662), signed when asked for (RFC 9701).
///
/// A resource server sees every token of its tenant; any other client its own. Whatever is not to be seen is answered as inactive. A JWT
/// is judged from memory; only refresh tokens are looked up.
struct IntrospectionEndpoint: Sendable {
    let requestTenant: RequestTenant
    let authenticator: ClientAuthenticator
    let verifier: AccessTokenVerifier
    let grants: AccessGrantStore
    let keys: KeyRings
    let issuers: Issuers
    let clock: WallClock

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/oauth2/introspect", [.post: introspect])
        router.route("oauth2/introspect", [.post: introspect])
    }

    @Sendable private func introspect(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let asked = try await ClientRequest(
            request, context, requestTenant: requestTenant, authenticator: authenticator, at: .introspection
        )
        // Else whoever finds a token could ask what it is good for (RFC 7662 §2.1).
        guard asked.client.authenticationMethod != .none else {
            throw OAuthError(.invalidClient, "public clients cannot introspect")
        }
        var json = JSONWriter(reserving: 768)
        guard Self.wantsJWT(request.headers[.accept]) else {
            json.beginObject()
            try await write(asked, to: &json)
            json.endObject()
            return .json(json.bytes, headers: [.cacheControl: "no-store"])
        }
        json.beginObject()
        json.field("iss", issuers.issuer(of: asked.tenant.slug))
        json.field("aud", asked.client.id.rawValue)
        json.field("iat", clock.now)
        json.name("token_introspection")
        json.beginObject()
        try await write(asked, to: &json)
        json.endObject()
        json.endObject()
        let jwt = try await keys.require(asked.tenant.id).introspectionSigner.signedBytes(payload: json.bytes)
        return .json(jwt, headers: [.cacheControl: "no-store"], contentType: "application/token-introspection+jwt")
    }

    private static func wantsJWT(_ accept: String?) -> Bool {
        accept?.split(separator: ",").contains { range in
            range.split(separator: ";").first?.trimmed.lowercased() == "application/token-introspection+jwt"
        } ?? false
    }

    private func write(_ asked: ClientRequest, to json: inout JSONWriter) async throws {
        if let token = RefreshToken(parsing: asked.token) {
            guard let (state, standing) = try await refreshState(token, asked) else { return json.field("active", false) }
            json.field("active", true)
            json.field("token_type", "refresh_token")
            json.field("iss", issuers.issuer(of: asked.tenant.slug))
            json.field("sub", standing.grant.subject)
            json.field("client_id", state.clientID.rawValue)
            json.field("scope", standing.grant.scopes.description)
            json.field("iat", state.refreshedAt)
            json.field("exp", standing.grant.expiresAt)
            return
        }
        guard let claims = try await verifier.verify(Array(asked.token.utf8), tenant: asked.tenant),
            mayBeSeen(claims.clientID, by: asked.client)
        else { return json.field("active", false) }
        json.field("active", true)
        json.field("token_type", "Bearer")
        json.field("iss", claims.issuer)
        json.field("sub", claims.subject)
        json.field("aud", claims.audience)
        json.field("client_id", claims.clientID.rawValue)
        json.field("scope", claims.scopes.description)
        json.field("iat", claims.issuedAt)
        json.field("nbf", claims.issuedAt)
        json.field("exp", claims.expiresAt)
        json.field("jti", claims.tokenID)
        json.field("tenant", claims.tenant.rawValue)
        json.field("org_id", claims.tenantID.description)
        json.field("roles", claims.roles)
        json.field("sid", ifPresent: claims.sessionID)
        json.field("grant_id", ifPresent: claims.grantID)
    }

    private func refreshState(
        _ token: RefreshToken, _ asked: ClientRequest
    ) async throws -> (AccessGrantStore.RefreshState, StandingGrant)? {
        guard let state = try await grants.refreshState(of: token.grant, in: asked.tenant.id, now: clock.now), state.isAlive,
            state.hash == token.secret.hash, let standing = state.standing, mayBeSeen(state.clientID, by: asked.client)
        else { return nil }
        return (state, standing)
    }

    private func mayBeSeen(_ owner: ClientID, by client: Client) -> Bool {
        client.isResourceServer || owner == client.id
    }
}

extension Substring {
    /// Without spaces and tabs at either end.
    fileprivate var trimmed: Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
