internal import FoundationEssentials

/// A registered redirection URI: absolute, without fragment or user information (RFC 6749 §3.1.2, RFC 9700 §2.1).
public struct RedirectURI: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String

    /// `https`, a private-use scheme with a dot in it (RFC 8252 §7.1), or `http` to this machine (RFC 8252 §7.3).
    public init(_ text: String) throws(InvalidRedirectURI) {
        guard text.utf8.count <= 2000, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), !text.contains("\\"),
            let components = URLComponents(string: text), let scheme = components.scheme?.lowercased()
        else { throw InvalidRedirectURI(text: text, reason: "is not an absolute URI") }
        guard !text.contains("#") else { throw InvalidRedirectURI(text: text, reason: "has a fragment") }
        guard components.user == nil, components.password == nil else {
            throw InvalidRedirectURI(text: text, reason: "has a user name or password")
        }
        guard !text.contains("*") else { throw InvalidRedirectURI(text: text, reason: "has a wildcard; list each URI instead") }
        switch scheme {
        case "https":
            guard let host = components.host, !host.isEmpty else { throw InvalidRedirectURI(text: text, reason: "has no host") }
        case "http":
            guard let host = components.host, ["127.0.0.1", "::1", "[::1]", "localhost"].contains(host.lowercased()) else {
                throw InvalidRedirectURI(text: text, reason: "uses http to a host other than this machine; use https")
            }
        default:
            guard scheme.contains(".") else {
                throw InvalidRedirectURI(text: text, reason: "has a private-use scheme without a dot; use a reversed domain name")
            }
        }
        rawValue = text
    }

    public var description: String { rawValue }
}

public struct InvalidRedirectURI: Error, Sendable, CustomStringConvertible {
    public let text: String
    public let reason: String

    public var description: String { "redirect URI ‘\(text.prefix(200))’ \(reason)" }
}
