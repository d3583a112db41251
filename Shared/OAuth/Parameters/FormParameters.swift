/// A parsed `application/x-www-form-urlencoded` body (WHATWG URL §5.1), held to OAuth's rules.
///
/// RFC 6749 §3.2: a parameter sent without a value counts as left out, and none may be repeated.
public struct FormParameters: Sendable {
    private var parameters: [(name: String, value: String)] = []

    /// - Parameter bytes: at most 100 parameters of UTF-8 text.
    /// - Throws: `invalid_request` for a repeated parameter, a broken escape, bytes that are not UTF-8, or a NUL.
    public init(parsing bytes: [UInt8]) throws(OAuthError) {
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            guard parameters.count < 100 else { throw OAuthError(.invalidRequest, "too many parameters") }
            let equals = pair.firstIndex(of: UInt8(ascii: "="))
            let name = try Self.decode(pair[..<(equals ?? pair.endIndex)])
            let value = try equals.map { at throws(OAuthError) in try Self.decode(pair[(at + 1)...]) } ?? ""
            guard !parameters.contains(where: { $0.name == name }) else { throw OAuthError(.invalidRequest, "a parameter is repeated") }
            parameters.append((name, value))
        }
    }

    public subscript(name: String) -> String? {
        parameters.first { $0.name == name && !$0.value.isEmpty }?.value
    }

    private static func decode(_ bytes: ArraySlice<UInt8>) throws(OAuthError) -> String {
        guard let text = PercentCoding.decode(bytes, plusIsSpace: true) else {
            throw OAuthError(.invalidRequest, "a parameter is not properly encoded")
        }
        return text
    }

    public func require(_ name: String) throws(OAuthError) -> String {
        guard let value = self[name] else { throw OAuthError(.invalidRequest, "\(name) is missing") }
        return value
    }
}
