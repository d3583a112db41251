/// A parsed `application/x-www-form-urlencoded` body (WHATWG URL §5.1), held to OAuth's rules.
///
/// RFC 6749 §3.2: a parameter sent without a value counts as left out, and none may be repeated.
public struct FormParameters: Sendable {
    private var values: [String: String] = [:]

    /// - Parameter bytes: at most 100 parameters of UTF-8 text.
    /// - Throws: `invalid_request` for a repeated parameter, a broken escape, bytes that are not UTF-8, or a NUL.
    public init(parsing bytes: some Sequence<UInt8>) throws(OAuthError) {
        var seen: Set<String> = []
        for pair in Array(bytes).split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decode(parts[0])
            let value = parts.count == 2 ? try Self.decode(parts[1]) : ""
            guard seen.insert(name).inserted else { throw OAuthError(.invalidRequest, "a parameter is repeated") }
            guard seen.count <= 100 else { throw OAuthError(.invalidRequest, "too many parameters") }
            if !value.isEmpty { values[name] = value }
        }
    }

    public subscript(name: String) -> String? { values[name] }

    private static func decode(_ bytes: ArraySlice<UInt8>) throws(OAuthError) -> String {
        guard let text = PercentCoding.decode(bytes, plusIsSpace: true) else {
            throw OAuthError(.invalidRequest, "a parameter is not properly encoded")
        }
        return text
    }

    public func require(_ name: String) throws(OAuthError) -> String {
        guard let value = values[name] else { throw OAuthError(.invalidRequest, "\(name) is missing") }
        return value
    }
}
