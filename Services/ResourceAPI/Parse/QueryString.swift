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
        guard let text = unescape(bytes).flatMap({ String(validating: $0, as: UTF8.self) }) else {
            throw APIError(400, "PGRST100", "The query string is not percent-encoded UTF-8 text")
        }
        return text
    }

    private static func unescape(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"):
                output.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal),
                    high | low != 0
                else { return nil }
                output.append(high << 4 | low)
            case 0:
                return nil
            default:
                output.append(byte)
            }
        }
        return output
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
