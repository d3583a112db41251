import OAuth

/// The raw query of a URL, split and decoded.
///
/// `+` is a space, percent-encoding is strict, the result is UTF-8 without U+0000 (which PostgreSQL text cannot hold).
struct QueryString: Sendable, Hashable {
    struct Parameter: Sendable, Hashable {
        let name: String
        let value: String
    }

    static let maximumBytes = 16_384
    static let maximumParameters = 128

    let parameters: [Parameter]

    /// - Parameter raw: what follows `?`, as received.
    /// - Throws: 400 `PGRST100`; 414 when longer than `maximumBytes`.
    init(_ raw: some StringProtocol) throws(APIError) {
        let bytes = Array(raw.utf8)
        guard bytes.count <= Self.maximumBytes else {
            throw APIError(414, "PGRST100", "The query string is longer than \(Self.maximumBytes) bytes")
        }
        var parameters: [Parameter] = []
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            guard parameters.count < Self.maximumParameters else {
                throw APIError(400, "PGRST100", "The query string has more than \(Self.maximumParameters) parameters")
            }
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = try Self.decode(part[..<(equals ?? part.endIndex)])
            let value = try equals.map { at throws(APIError) in try Self.decode(part[(at + 1)...]) } ?? ""
            parameters.append(Parameter(name: name, value: value))
        }
        self.parameters = parameters
    }

    private static func decode(_ bytes: ArraySlice<UInt8>) throws(APIError) -> String {
        guard let text = PercentCoding.decode(bytes, plusIsSpace: true) else {
            throw APIError(400, "PGRST100", "The query string is not percent-encoded UTF-8 text")
        }
        return text
    }
}
