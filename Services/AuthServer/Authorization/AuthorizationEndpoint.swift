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

    /// A form from the client's site comes without cookies that are `SameSite=Lax`: sent on as a GET, the session is known.
    @Sendable private func posted(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let body = try await request.body.collect(upTo: ParametersAreWellFormed.maximumBytes * 2)
        guard request.uri.query == nil, FormBody.isForm(request) else {
            return Visit(request, context, tenant: try await requestTenant.find(request, context))
                .refusal(.malformedRequest, "invalid_request", "parameters belong into a form-encoded body")
        }
        let text = Array(body.readableBytesView)
        if RequestCookies.value(of: Sessions.cookieName, in: request) == nil, text.count <= 4096, Self.isQuery(text) {
            // The browser cookie, too, is likely there and only not sent: a new one must not take its place.
            return Response(
                status: .seeOther,
                headers: [
                    .location: request.uri.path + "?" + String(decoding: text, as: UTF8.self), .cacheControl: "no-store",
                    .referrerPolicy: "no-referrer",
                ]
            )
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

    /// What may stand in a URL and a header line as it is (RFC 3986 §3.4).
    private static func isQuery(_ text: [UInt8]) -> Bool {
        !text.isEmpty && text.allSatisfy { (0x21...0x7e).contains($0) && !"#\"<>\\^`{|}".utf8.contains($0) }
    }
}

/// Bodies of forms.
enum FormBody {
    static let maximumBytes = 64 * 1024

    static func isForm(_ request: Request) -> Bool {
        guard let contentType = request.headers[.contentType] else { return false }
        let mediaType = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        return mediaType.elementsEqual("application/x-www-form-urlencoded".utf8) { $0 | 0x20 == $1 | 0x20 }
    }
}
