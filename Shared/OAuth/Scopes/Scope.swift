/// One scope-token (RFC 6749 §3.3). `{resource}:{action}` scopes may have `*` on either side.
///
/// The resource `admin` is administration of the tenant itself. The wildcard never means it: `*:read` reads every table, and
/// `admin:read` is said in so many words or not at all.
public struct Scope: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let rawValue: String

    /// - Parameter text: 1–128 of the characters %x21 / %x23-5B / %x5D-7E.
    public init(_ text: some StringProtocol) throws(OAuthError) {
        let isValid =
            (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 == 0x21 || (0x23...0x5b).contains($0) || (0x5d...0x7e).contains($0) }
        guard isValid else { throw OAuthError(.invalidScope, "scope is malformed") }
        rawValue = String(text)
    }

    private init(unchecked text: String) {
        rawValue = text
    }

    static func standard(_ text: String) -> Scope { Scope(unchecked: text) }

    public var description: String { rawValue }

    /// Whether it may stand for several scopes.
    var isPattern: Bool { rawValue.utf8.contains(UInt8(ascii: "*")) }

    public static func < (left: Scope, right: Scope) -> Bool { left.rawValue < right.rawValue }

    /// What ``rawValue`` begins with, before the colon, in scopes of administration.
    public static let administration = "admin"

    /// What both allow: `*:read` and `orders:*` meet in `orders:read`; scopes without a colon meet only themselves.
    public func intersection(_ other: Scope) -> Scope? {
        if self == other { return self }
        guard let (resource, action) = sides, let (otherResource, otherAction) = other.sides,
            let commonResource = Self.meetResource(resource, otherResource), let commonAction = Self.meet(action, otherAction)
        else { return nil }
        return Scope(unchecked: "\(commonResource):\(commonAction)")
    }

    /// Whether a token with this scope may do `action` on `resource`.
    public func allows(_ action: String, on resource: String) -> Bool {
        guard let sides else { return false }
        let meansResource = sides.resource == resource || sides.resource == "*" && resource != Self.administration
        return meansResource && (sides.action == "*" || sides.action == action)
    }

    private var sides: (resource: Substring, action: Substring)? {
        guard let colon = rawValue.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (rawValue[..<colon], rawValue[rawValue.utf8.index(after: colon)...])
    }

    private static func meetResource(_ left: Substring, _ right: Substring) -> Substring? {
        if left != right, left == administration || right == administration { return nil }
        return meet(left, right)
    }

    private static func meet(_ left: Substring, _ right: Substring) -> Substring? {
        if left == right || right == "*" { return left }
        return left == "*" ? right : nil
    }
}
