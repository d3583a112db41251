import HTTPTypes
import Hummingbird
import ServiceKit
import Tenancy

/// What people's browsers get for a refusal or failure that no page was made for: a page with the same status. Programs get the JSON as it is.
/// The page has the looks of the tenant that the request is for, where there is one.
struct ErrorPages: RouterMiddleware {
    typealias Context = ServiceContext

    let requestTenant: RequestTenant

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response = try await next(request, context)
        guard response.status.code >= 400, response.headers[.contentType]?.hasPrefix("application/json") ?? false,
            AcceptedForm.prefersHTML(request), let (expected, code) = Self.page(for: response.status)
        else { return response }
        var (kind, brand) = (expected, Brand.standard)
        do {
            if let tenant = try await requestTenant.findAnywhere(request, context) { brand = Brand(tenant) }
        } catch TenancyError.unknownTenant, TenancyError.invalidSlug {
            if kind == .notFound { kind = .unknownTenant }
        } catch {}
        let page = ErrorPage(kind, brand: brand, code: code, requestID: response.headers[.requestID] ?? context.requestID)
        var headers = response.headers
        headers[.contentLength] = nil
        // That is for programs in other origins; a page is for a person.
        headers[.accessControlAllowOrigin] = nil
        return page.response(status: response.status, headers: headers)
    }

    private static func page(for status: HTTPResponse.Status) -> (ErrorPage.Kind, String)? {
        switch status.code {
        case 400, 413: (.malformedRequest, "invalid_request")
        case 404: (.notFound, "not_found")
        case 405: (.methodNotAllowed, "invalid_request")
        case 429: (.tooManyRequests, "temporarily_unavailable")
        case 503: (.unavailable, "temporarily_unavailable")
        case 500...: (.failure, "server_error")
        default: nil
        }
    }
}
