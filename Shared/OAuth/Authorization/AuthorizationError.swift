/// A refusal of the authorization endpoint that the client may be told by redirect (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
public struct AuthorizationError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        case invalidRequest = "invalid_request"
        case unauthorizedClient = "unauthorized_client"
        case accessDenied = "access_denied"
        case unsupportedResponseType = "unsupported_response_type"
        case invalidScope = "invalid_scope"
        case serverError = "server_error"
        case temporarilyUnavailable = "temporarily_unavailable"
        // OpenID Connect Core §3.1.2.6
        case interactionRequired = "interaction_required"
        case loginRequired = "login_required"
        case accountSelectionRequired = "account_selection_required"
        case consentRequired = "consent_required"
        case requestNotSupported = "request_not_supported"
        case requestURINotSupported = "request_uri_not_supported"
        case registrationNotSupported = "registration_not_supported"
        /// RFC 8707 §2.
        case invalidTarget = "invalid_target"
    }

    public let code: Code
    /// ASCII without quotes or backslashes, as RFC 6749 §4.1.2.1 asks of `error_description`.
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
