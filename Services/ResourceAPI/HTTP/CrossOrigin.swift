import HTTPTypes
import Hummingbird
import ServiceKit

/// Browser apps of every origin may call the API (Fetch §3.2): nothing here reads a cookie, so a page can do no more than the token that it
/// has. Preflight requests carry no token and are answered without one.
struct CrossOrigin<Inner: HTTPResponder>: HTTPResponder where Inner.Context == ServiceContext {
    /// Of the list of headers that a page wants to send.
    private let maximumBytes = 2048

    let inner: Inner
    /// The API's path.
    let path: String

    @concurrent func respond(to request: Request, context: ServiceContext) async throws -> Response {
        guard request.headers[.origin] != nil, concernsAPI(request) else {
            return try await inner.respond(to: request, context: context)
        }
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            // Metrics, log and request id are the inner responder's; this has no need of them.
            return preflight(request)
        }
        var response = try await inner.respond(to: request, context: context)
        response.headers[.accessControlAllowOrigin] = "*"
        response.headers[.accessControlExposeHeaders] = exposedHeaders
        return response
    }

    private func concernsAPI(_ request: Request) -> Bool {
        guard let target = request.head.path, target.hasPrefix(path) else { return false }
        let rest = target.dropFirst(path.count).first
        return rest == nil || rest == "/" || rest == "?"
    }

    private func preflight(_ request: Request) -> Response {
        var headers: HTTPFields = [
            .accessControlAllowOrigin: "*", .accessControlAllowMethods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            .accessControlMaxAge: "86400",
        ]
        // A wildcard would not cover Authorization (Fetch §4.9).
        let wanted = request.headers[.accessControlRequestHeaders] ?? "authorization, content-type"
        let isPlain = wanted.utf8.count <= maximumBytes && wanted.utf8.allSatisfy(Self.isListed)
        headers[.accessControlAllowHeaders] = isPlain ? wanted : "authorization, content-type"
        return Response(status: .noContent, headers: headers)
    }

    /// Letters, digits and what stands between names.
    private static func isListed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ","), UInt8(ascii: " "):
            true
        default: false
        }
    }
}

/// What answers have besides the headers that every page may read.
private let exposedHeaders =
    "Content-Profile, Content-Range, ETag, Idempotent-Replayed, Location, Next-Cursor, Preference-Applied, Proxy-Status, Retry-After, "
    + "WWW-Authenticate, X-Request-ID"
