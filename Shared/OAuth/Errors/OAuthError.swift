/// A refusal of the authorization server: the registered code, and a sentence that the client may read.
public struct OAuthError: Error, Sendable, Hashable, CustomStringConvertible {
    /// RFC 6749 §5.2, and what other specifications register for the token endpoint.
    public enum Code: String, Sendable, Hashable {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case invalidGrant = "invalid_grant"
        case unauthorizedClient = "unauthorized_client"
        case unsupportedGrantType = "unsupported_grant_type"
        case invalidScope = "invalid_scope"
        /// RFC 8707 §2.
        case invalidTarget = "invalid_target"
        case serverError = "server_error"
        case temporarilyUnavailable = "temporarily_unavailable"
    }

    public let code: Code
    /// ASCII without quotes or backslashes, as RFC 6749 §5.2 asks of `error_description`.
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
