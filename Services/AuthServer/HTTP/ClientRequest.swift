import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// A form that an authenticated client posts about a token: the common part of introspection and revocation.
struct ClientRequest: Sendable {
    let client: Client
    let tenant: Tenant
    let parameters: FormParameters
    let token: String

    /// - Throws: `invalid_request`, or `invalid_client` in the same words for every cause.
    init(
        _ request: Request, _ context: ServiceContext, requestTenant: RequestTenant, authenticator: ClientAuthenticator,
        at endpoint: ClientEndpoint
    ) async throws {
        let named = try await requestTenant.find(request, context)
        let body = try await TokenRequest.body(of: request)
        guard request.uri.query == nil else { throw OAuthError(.invalidRequest, "parameters belong into the body, not into the URL") }
        guard TokenRequest.isForm(request.headers[.contentType]) else {
            throw OAuthError(.invalidRequest, "the content type must be application/x-www-form-urlencoded")
        }
        parameters = try FormParameters(parsing: Array(body.readableBytesView))
        let credentials = try PresentedCredentials(authorization: request.headers[values: .authorization], parameters: parameters)
        (client, tenant, _) = try await authenticator.authenticate(credentials, named: named, at: endpoint)
        requestTenant.note(tenant, context)
        token = try parameters.require("token")
    }
}
