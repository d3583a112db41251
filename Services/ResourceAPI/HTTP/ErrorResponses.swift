import HTTPTypes
public import Hummingbird
public import ServiceKit
public import Tenancy

/// The one place where a refusal becomes an HTTP answer.
enum ErrorResponses {
    /// The body of a 503 to a request that is one too many.
    static let overload = APIError(503, "PGRST003", "Too many requests at once").serialized()

    static func make(_ error: APIError, headers: HTTPFields = [:], body: [UInt8]? = nil) -> Response {
        var headers = headers
        if let retryAfter = error.retryAfter { headers[.retryAfter] = String(retryAfter) }
        if error.code.utf8.count <= 32, error.code.utf8.allSatisfy(isAlphanumeric) {
            headers[.proxyStatus] = "resource-api; error=\(error.code)"
        }
        for header in error.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            headers.append(HTTPField(name: name, value: header.value))
        }
        return .json(
            status: HTTPResponse.Status(code: error.status), body ?? error.serialized(), headers: headers,
            contentType: ResourceResponse.contentType
        )
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    /// For what is not a refusal of ours: unknown paths, wrong methods, bodies too large, failures.
    static func failure(_ status: HTTPResponse.Status, _ headers: HTTPFields) -> Response {
        let (code, message) =
            switch status {
            case .notFound: ("PGRST125", "Invalid path specified in request URL")
            case .methodNotAllowed: ("PGRST117", "Unsupported HTTP method")
            case .contentTooLarge: ("PGRST102", "The request body is too large")
            case .serviceUnavailable: ("PGRST001", "The service is unavailable for the moment")
            case .internalServerError: ("XX000", "Internal error")
            default: ("PGRST100", "The request is malformed")
            }
        return make(APIError(status.code, code, message), headers: headers)
    }
}

extension HTTPField.Name {
    /// RFC 9209
    fileprivate static let proxyStatus = literal("Proxy-Status")
}

extension APIError: Refusal {
    func response() -> Response { ErrorResponses.make(self) }
}

extension KeysUnknown: Refusal {
    func response() -> Response { ErrorResponses.failure(.serviceUnavailable, [.retryAfter: "1"]) }
    var operatorDetail: String? { "a token's key set could not be fetched" }
}

extension RevocationsUnknown: Refusal {
    func response() -> Response { ErrorResponses.failure(.serviceUnavailable, [.retryAfter: "1"]) }
    var operatorDetail: String? { "the revocation log cannot be heard" }
}

extension TenancyError: Refusal {
    public func response() -> Response {
        ErrorResponses.make(APIError(404, "PGRST125", "No such tenant"))
    }
}

/// A refusal with the challenge that tells a client how to do better (RFC 6750 §3, RFC 9728 §5.1).
struct BearerChallenge: Refusal {
    let refusal: BearerRefusal
    let metadataURL: String

    func response() -> Response {
        var challenge = "Bearer realm=\"api\""
        let error: APIError
        switch refusal {
        case .missingToken:
            error = APIError(401, "PGRST302", "An access token is required")
        case .invalidRequest(let message):
            challenge += ", error=\"invalid_request\", error_description=\"\(message)\""
            error = APIError(400, "PGRST301", message)
        case .invalidToken(let message):
            challenge += ", error=\"invalid_token\", error_description=\"\(message)\""
            error = APIError(401, "PGRST301", message)
        case .insufficientScope(let scope):
            challenge += ", error=\"insufficient_scope\", scope=\"\(scope)\""
            error = APIError(403, "42501", "The token lacks the scope \(scope)")
        case .tenantMismatch:
            error = APIError(403, "42501", "The token belongs to another tenant than the request names")
        }
        challenge += ", resource_metadata=\"\(metadataURL)\""
        return ErrorResponses.make(error, headers: [.wwwAuthenticate: challenge, .cacheControl: "no-store"])
    }
}
