import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import OAuth
import ServiceKit
import Tenancy

/// `POST /t/{tenant}/oauth2/token` and `POST /oauth2/token` (RFC 6749 §3.2).
///
/// The phases are the same for every grant: find the tenant, parse, authenticate the client, authorize, narrow the scopes, settle, issue.
/// What all but the last decide is remembered for a request that comes again unchanged.
struct TokenEndpoint: Sendable {
    let requestTenant: RequestTenant
    let authenticator: ClientAuthenticator
    let grants: [String: any TokenGrant]
    let recognized: RecognizedRequests
    let issuer: AccessTokenIssuer
    let identity: IDTokenIssuer

    init(
        requestTenant: RequestTenant, authenticator: ClientAuthenticator, grants: [any TokenGrant], recognized: RecognizedRequests,
        issuer: AccessTokenIssuer, identity: IDTokenIssuer
    ) {
        self.requestTenant = requestTenant
        self.authenticator = authenticator
        self.grants = Dictionary(uniqueKeysWithValues: grants.map { ($0.type.rawValue, $0) })
        self.recognized = recognized
        self.issuer = issuer
        self.identity = identity
    }

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(Self.path), [.post: token, .options: CrossOrigin.preflight])
        router.route("oauth2/token", [.post: token, .options: CrossOrigin.preflight])
    }

    var shortcuts: [Shortcut] { [Shortcut(Self.path, [.post: token])].compactMap(\.self) }

    private static let path = "/t/:tenant/oauth2/token"

    @Sendable private func token(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let body = try await TokenRequest.body(of: request)
        let now = issuer.clock.now
        let (known, ticket) = recognized.find(request, context, body: body, now: now)
        if let known {
            requestTenant.note(known.tenant, context)
            return try await respond(known, nil, decidedAt: now)
        }
        let (decision, person) = try await decide(request, context, body, ticket)
        return try await respond(decision, person, decidedAt: now)
    }

    private func decide(
        _ request: Request, _ context: ServiceContext, _ body: ByteBuffer, _ ticket: RecognizedRequests.Ticket
    ) async throws -> (RecognizedRequests.Decision, GrantedPerson?) {
        let named = try await requestTenant.find(request, context)
        let tokenRequest = try TokenRequest(request, context, body: body)
        let (client, tenant, validUntil) = try await authenticator.authenticate(tokenRequest.credentials, named: named)
        requestTenant.note(tenant, context)

        let grant = grants[tokenRequest.grantType]
        let mayUse = grant.map { client.grantTypes.contains($0.type) } ?? false
        // A public client has proved nothing: whoever asks for what it may not have learns no more than of an unknown one.
        guard mayUse || client.authenticationMethod != .none else { throw tokenRequest.credentials.refusal }
        guard let grant else { throw OAuthError(.unsupportedGrantType, "the grant type is not supported") }
        guard mayUse else { throw OAuthError(.unauthorizedClient, "the client may not use this grant type") }
        var authority = try await grant.authorize(tokenRequest, client: client, tenant: tenant)
        let scopes = try authority.scopes(within: client.scopes)
        authority = try await grant.settle(authority, scopes: scopes, tokenRequest, client: client, tenant: tenant)
        let decision = issuer.decision(for: client, authority, scopes: scopes, tenant: tenant)
        if grant.isRepeatable, let validUntil { recognized.keep(decision, for: ticket, validUntil: validUntil) }
        return (decision, authority.person)
    }

    /// RFC 6749 §5.1, OpenID Connect Core §3.1.3.3.
    private func respond(_ decision: RecognizedRequests.Decision, _ person: GrantedPerson?, decidedAt: Int64) async throws -> Response {
        let token = try await issuer.issue(decision, for: person, decidedAt: decidedAt)
        var json = JSONWriter(reserving: token.count + 160)
        json.beginObject()
        json.name("access_token")
        json.string(unescaped: token)
        json.field("token_type", "Bearer")
        json.field("expires_in", decision.lifetimeSeconds)
        json.field("scope", decision.scopes.description)
        if let person {
            json.field("refresh_token", ifPresent: person.refreshToken?.rawValue)
            if decision.scopes.contains(.openID) {
                json.name("id_token")
                json.string(unescaped: try await identity.issue(for: person, decision, accessToken: token))
            }
        }
        json.endObject()
        return .json(json.bytes, headers: [.cacheControl: "no-store", .accessControlAllowOrigin: "*"])
    }
}
