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
        router.route(RouterPath(Self.path), [.post: introspect])
        router.route("oauth2/introspect", [.post: introspect])
    }

    var shortcuts: [Shortcut] { [Shortcut(Self.path, [.post: introspect])].compactMap(\.self) }

    private static let path = "/t/:tenant/oauth2/introspect"

    @Sendable private func introspect(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let asked = try await ClientRequest(
            request, context, requestTenant: requestTenant, authenticator: authenticator, at: .introspection
        )
        // Else whoever finds a token could ask what it is good for (RFC 7662 §2.1).
        guard asked.client.authenticationMethod != .none else {
            throw OAuthError(.invalidClient, "public clients cannot introspect")
        }
        let answer = try await answer(asked)
        guard Self.wantsJWT(request.headers[.accept]) else { return .json(answer, headers: [.cacheControl: "no-store"]) }
        var json = JSONWriter(reserving: answer.count + 256)
        json.beginObject()
        json.field("iss", issuers.issuer(of: asked.tenant.slug))
        json.field("aud", asked.client.id.rawValue)
        json.field("iat", clock.now)
        json.name("token_introspection")
        json.raw(answer)
        json.endObject()
        let jwt = try await keys.require(asked.tenant.id).introspectionSigner.signedBytes(payload: json.bytes)
        return .json(jwt, headers: [.cacheControl: "no-store"], contentType: "application/token-introspection+jwt")
    }

    private static func wantsJWT(_ accept: String?) -> Bool {
        accept?.split(separator: ",").contains { range in
            range.split(separator: ";").first?.trimmed.lowercased() == "application/token-introspection+jwt"
        } ?? false
    }

    private static let inactive = Array(#"{"active":false}"#.utf8)

    /// RFC 7662 §2.2.
    private func answer(_ asked: ClientRequest) async throws -> [UInt8] {
        if let token = RefreshToken(parsing: asked.token) {
            guard let (state, standing) = try await refreshState(token, asked) else { return Self.inactive }
            var json = JSONWriter(reserving: 512)
            json.beginObject()
            json.field("active", true)
            json.field("token_type", "refresh_token")
            json.field("iss", issuers.issuer(of: asked.tenant.slug))
            json.field("sub", standing.grant.subject)
            json.field("client_id", state.clientID.rawValue)
            json.field("scope", standing.grant.scopes.description)
            json.field("iat", state.refreshedAt)
            json.field("exp", standing.grant.expiresAt)
            json.endObject()
            return json.bytes
        }
        guard let found = try await verifier.find(Array(asked.token.utf8), tenant: asked.tenant),
            mayBeSeen(found.claims.clientID, by: asked.client)
        else { return Self.inactive }
        return found.introspection
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
