import HTTPTypes
public import Hummingbird
import JSON
public import OAuth
public import ServiceKit
public import Tenancy

/// The one place where a refusal becomes an HTTP answer (RFC 6749 §5.2).
enum OAuthErrorResponse {
    /// The body of a 503 to a request that is one too many.
    static let overload = Array(
        #"{"error":"temporarily_unavailable","error_description":"too many requests at once; try again shortly"}"#.utf8)

    static func make(
        _ code: String, _ description: String, status: HTTPResponse.Status, headers: HTTPFields = [:]
    ) -> Response {
        var json = JSONWriter(reserving: 128)
        json.beginObject()
        json.field("error", code)
        json.field("error_description", description)
        json.endObject()
        var headers = headers
        headers[.cacheControl] = "no-store"
        // A browser app must be able to read why it was refused; the answer tells nothing that depends on a cookie.
        headers[.accessControlAllowOrigin] = "*"
        return .json(status: status, json.bytes, headers: headers)
    }

    /// For what is not a refusal of ours: unknown paths, wrong methods, bodies too large, failures.
    static func failure(_ status: HTTPResponse.Status, _ headers: HTTPFields) -> Response {
        switch status {
        case .notFound: make("invalid_request", "no such endpoint", status: status, headers: headers)
        case .methodNotAllowed: make("invalid_request", "method not allowed", status: status, headers: headers)
        case .contentTooLarge: make("invalid_request", "the request body is too large", status: status, headers: headers)
        case .serviceUnavailable: make("temporarily_unavailable", "try again shortly", status: status, headers: headers)
        case .internalServerError: make("server_error", "internal error", status: status, headers: headers)
        default: make("invalid_request", "the request is malformed", status: status, headers: headers)
        }
    }
}

extension OAuthError: Refusal {
    public func response() -> Response {
        OAuthErrorResponse.make(
            code.rawValue, description, status: status, headers: code == .temporarilyUnavailable ? [.retryAfter: "1"] : [:])
    }

    private var status: HTTPResponse.Status {
        switch code {
        case .invalidClient: .unauthorized
        case .serverError: .internalServerError
        case .temporarilyUnavailable: .serviceUnavailable
        case .invalidRequest, .invalidGrant, .unauthorizedClient, .unsupportedGrantType, .invalidScope, .invalidTarget: .badRequest
        }
    }
}

/// A failed client authentication over HTTP Basic is challenged with the scheme that was used (RFC 6749 §5.2).
struct BasicChallenge: Refusal {
    let error: OAuthError

    func response() -> Response {
        OAuthErrorResponse.make(
            error.code.rawValue, error.description, status: .unauthorized,
            headers: [.wwwAuthenticate: #"Basic realm="token endpoint", charset="UTF-8""#]
        )
    }
}

extension TenancyError: Refusal {
    public func response() -> Response {
        switch self {
        case .unknownTenant, .invalidSlug: OAuthErrorResponse.make("invalid_request", "no such tenant", status: .notFound)
        case .conflictingTenants:
            OAuthErrorResponse.make("invalid_request", "the request names two different tenants", status: .badRequest)
        }
    }
}
