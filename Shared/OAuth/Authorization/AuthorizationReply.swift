/// Where and how the client is answered: known before anything else about a request, so that whatever follows can be told to the client.
public struct AuthorizationReply: Sendable, Hashable {
    public static let maximumStateBytes = 2048

    /// As the client asked for it, which is as it registered it but for a loopback port.
    public let redirectURI: String
    public let mode: ResponseMode
    public let state: String?
    /// `iss` (RFC 9207 §2): which server answers, against mix-up.
    public let issuer: String

    public init(redirectURI: String, mode: ResponseMode, state: String?, issuer: String) {
        self.redirectURI = redirectURI
        self.mode = mode
        self.state = state
        self.issuer = issuer
    }

    /// RFC 6749 §4.1.2.
    public func parameters(code: String) -> [(name: String, value: String)] {
        [("code", code)] + common
    }

    /// RFC 6749 §4.1.2.1.
    public func parameters(_ error: AuthorizationError) -> [(name: String, value: String)] {
        [("error", error.code.rawValue), ("error_description", error.description)] + common
    }

    private var common: [(name: String, value: String)] {
        (state.map { [("state", $0)] } ?? []) + [("iss", issuer)]
    }

    /// The redirect URI with the parameters added to its query, which it keeps (RFC 6749 §3.1.2).
    public func location(_ parameters: [(name: String, value: String)]) -> String {
        RedirectQuery.adding(parameters, to: redirectURI)
    }
}

/// Parameters in the query of a URI that has been checked.
public enum RedirectQuery {
    public static func adding(_ parameters: [(name: String, value: String)], to uri: String) -> String {
        guard !parameters.isEmpty else { return uri }
        let pairs = parameters.map { PercentCoding.encode($0.name) + "=" + PercentCoding.encode($0.value) }.joined(separator: "&")
        guard uri.utf8.contains(UInt8(ascii: "?")) else { return uri + "?" + pairs }
        return uri + (uri.hasSuffix("?") || uri.hasSuffix("&") ? "" : "&") + pairs
    }
}
