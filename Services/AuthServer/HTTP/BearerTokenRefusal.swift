import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit

/// Why a request with a bearer token is not let through (RFC 6750 §3.1).
enum BearerTokenRefusal: Refusal, Equatable {
    /// No attempt at authentication: challenged without an error code.
    case missingToken
    case invalidRequest(String)
    case invalidToken
    case insufficientScope(String)

    /// The token of the `Authorization` header; nil where there is no such header, or it is of another scheme.
    static func token(in headers: HTTPFields) throws -> [UInt8]? {
        let values = headers[values: .authorization]
        guard values.count <= 1 else { throw invalidRequest("the Authorization header is repeated") }
        guard let header = values.first else { return nil }
        let bytes = Array(header.utf8)
        let scheme = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }) else { return nil }
        let token = bytes[scheme.count...].drop { $0 == UInt8(ascii: " ") }
        guard !token.isEmpty else { throw invalidRequest("the Authorization header is malformed") }
        return Array(token)
    }

    func response() -> Response {
        switch self {
        case .missingToken:
            make(.unauthorized, "invalid_token", "an access token is required", challenge: "Bearer")
        case .invalidRequest(let description):
            make(.badRequest, "invalid_request", description, challenge: #"Bearer error="invalid_request""#)
        case .invalidToken:
            make(
                .unauthorized, "invalid_token", "the access token is invalid, expired or revoked",
                challenge: #"Bearer error="invalid_token", error_description="the access token is invalid, expired or revoked""#
            )
        case .insufficientScope(let scope):
            make(
                .forbidden, "insufficient_scope", "the access token lacks the scope \(scope)",
                challenge: #"Bearer error="insufficient_scope", scope="\#(scope)""#
            )
        }
    }

    private func make(_ status: HTTPResponse.Status, _ code: String, _ description: String, challenge: String) -> Response {
        OAuthErrorResponse.make(
            code, description, status: status, headers: [.wwwAuthenticate: challenge, .accessControlAllowOrigin: "*"]
        )
    }
}
