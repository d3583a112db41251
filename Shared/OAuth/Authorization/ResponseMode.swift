/// How the answer travels to the client's redirect URI (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
public enum ResponseMode: String, Sendable, Hashable, CaseIterable {
    case query
    case formPost = "form_post"

    /// - Parameter text: the `response_mode` parameter; nil means the default of `response_type=code`.
    /// - Throws: `invalid_request`, for `fragment` too: a code in a fragment reaches scripts and histories that have no use for it.
    public init(_ text: String?) throws(AuthorizationError) {
        guard let text else {
            self = .query
            return
        }
        guard let mode = ResponseMode(rawValue: text) else {
            throw AuthorizationError(.invalidRequest, "response_mode must be query or form_post")
        }
        self = mode
    }
}
