/// A client identifier (RFC 6749 §2.2), unique on the whole platform so that the root endpoints can tell the tenant by it.
public struct ClientID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String

    /// - Parameter text: 1–255 of VSCHAR without space, colon (which HTTP Basic cannot carry raw), quotes and backslash.
    /// - Returns: nil for anything else; such a client cannot exist.
    public init?(_ text: String) {
        let isValid =
            (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x3a && $0 != 0x22 && $0 != 0x5c }
        guard isValid else { return nil }
        rawValue = text
    }

    public var description: String { rawValue }
}
