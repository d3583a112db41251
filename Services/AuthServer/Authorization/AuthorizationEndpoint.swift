import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit

/// `GET` and `POST` of `/t/{tenant}/oauth2/authorize` and `/oauth2/authorize` (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
struct AuthorizationEndpoint: Sendable {
    let requestTenant: RequestTenant
    let checks: AuthorizationChecks
    let flow: AuthorizationFlow

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for path: RouterPath in ["t/:tenant/oauth2/authorize", "oauth2/authorize"] {
            router.route(
                path,
                [
                    .get: { try await authorize(Array(($0.uri.query ?? "").utf8), $0, $1) },
                    .post: { try await posted($0, $1) },
                    // It would make codes that nobody sees.
                    .head: { _, _ in throw MethodNotAllowed(allow: "GET, POST") },
                ]
            )
        }
    }

    /// A form from the client's site comes without the session's cookie: the same is asked for with GET.
    @Sendable private func posted(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let body = try await request.body.collect(upTo: ParametersAreWellFormed.maximumBytes * 2)
        let visit = Visit(request, context, tenant: try await requestTenant.find(request, context))
        guard request.uri.query == nil, TokenRequest.isForm(request.headers[.contentType]) else {
            return visit.refusal(.malformedRequest, "invalid_request", "parameters belong into a form-encoded body")
        }
        let text = Array(body.readableBytesView)
        if RequestCookies.value(of: Sessions.cookieName, in: request) == nil,
            let again = CrossSitePost.asGet(text, at: visit.path("oauth2/authorize"))
        {
            return again
        }
        return try await authorize(text, request, context)
    }

    private func authorize(_ text: [UInt8], _ request: Request, _ context: ServiceContext) async throws -> Response {
        let named = try await requestTenant.find(request, context)
        let visit = Visit(request, context, tenant: named)
        do {
            let attempt = try await checks.run(text, named: named)
            return try await flow.begin(attempt, visit.of(attempt.tenant))
        } catch let failure as AuthorizationFailure {
            return AuthorizationAnswer.failure(failure, visit)
        }
    }
}
