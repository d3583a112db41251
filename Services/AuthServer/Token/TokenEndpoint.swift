import HTTPTypes
import Hummingbird
import JSON
import OAuth
import ServiceKit
import Tenancy

/// `POST /t/{tenant}/oauth2/token` and `POST /oauth2/token` (RFC 6749 §3.2).
///
/// The phases are the same for every grant: parse, find the tenant, authenticate the client, authorize, narrow the scopes, issue.
struct TokenEndpoint: Sendable {
    let requestTenant: RequestTenant
    let authenticator: ClientAuthenticator
    let grants: [String: any TokenGrant]
    let issuer: AccessTokenIssuer

    init(
        requestTenant: RequestTenant, authenticator: ClientAuthenticator, grants: [any TokenGrant], issuer: AccessTokenIssuer
    ) {
        self.requestTenant = requestTenant
        self.authenticator = authenticator
        self.grants = Dictionary(uniqueKeysWithValues: grants.map { ($0.type.rawValue, $0) })
        self.issuer = issuer
    }

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/oauth2/token", [.post: token])
        router.route("oauth2/token", [.post: token])
    }

    @Sendable private func token(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let named = try await requestTenant.find(request, context)
        let tokenRequest = try await TokenRequest(request)
        let (client, tenant) = try await authenticator.authenticate(tokenRequest.credentials, named: named)

        guard let grant = grants[tokenRequest.grantType] else {
            throw OAuthError(.unsupportedGrantType, "the grant type is not supported")
        }
        guard client.grantTypes.contains(grant.type) else {
            throw OAuthError(.unauthorizedClient, "the client may not use this grant type")
        }
        let authority = try await grant.authorize(tokenRequest, client: client, tenant: tenant)
        let scopes = try narrow(tokenRequest.scopes, client: client, authority: authority)
        return try await respond(issuer.issue(to: client, for: authority, scopes: scopes, tenant: tenant))
    }

    /// Asked ∩ client ∩ role. A client that may have none of what it asks for is told so (RFC 6749 §5.2).
    private func narrow(_ asked: ScopeSet?, client: Client, authority: GrantedAuthority) throws -> ScopeSet {
        let allowed = authority.bound.map { client.scopes.intersection($0) } ?? client.scopes
        guard let asked else { return allowed }
        let granted = asked.intersection(allowed)
        guard !granted.isEmpty else { throw OAuthError(.invalidScope, "the client may not have any of these scopes") }
        return granted
    }

    /// RFC 6749 §5.1.
    private func respond(_ issued: IssuedAccessToken) -> Response {
        var json = JSONWriter(reserving: issued.token.utf8.count + 160)
        json.beginObject()
        json.field("access_token", issued.token)
        json.field("token_type", "Bearer")
        json.field("expires_in", issued.expiresInSeconds)
        json.field("scope", issued.scopes.description)
        json.endObject()
        return .json(json.bytes, headers: [.cacheControl: "no-store"])
    }
}
