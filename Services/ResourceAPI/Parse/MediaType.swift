/// A media type or range as a header gives it: `text/csv; charset=utf-8` (RFC 9110 §8.3.1, §12.5.1).
struct MediaType: Sendable, Hashable {
    /// `type/subtype`, in lower case; `*` for any.
    let name: String
    /// Names in lower case; values without quotes.
    let parameters: [Parameter]

    struct Parameter: Sendable, Hashable {
        let name: String
        let value: String
    }

    init(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map { Self.trimmed($0) }
        name = (parts.first ?? "").lowercased()
        parameters = parts.dropFirst().filter { !$0.isEmpty }.map { part in
            let equals = part.utf8.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            var value = equals == part.endIndex ? "" : part[part.utf8.index(after: equals)...]
            if value.utf8.count > 1, value.utf8.first == UInt8(ascii: "\""), value.utf8.last == UInt8(ascii: "\"") {
                value = value.dropFirst().dropLast()
            }
            return Parameter(name: part[..<equals].lowercased(), value: String(value))
        }
    }

    /// Of a parameter given twice the first counts.
    func parameter(_ name: String) -> String? { parameters.first { $0.name == name }?.value }

    /// `q` in thousandths (RFC 9110 §12.4.2); nil if it is none.
    var weight: Int? {
        guard let text = parameter("q") else { return 1000 }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { String(Substring($0)) }
        guard (1...2).contains(parts.count), parts[0] == "0" || parts[0] == "1" else { return nil }
        var weight = parts[0] == "1" ? 1000 : 0
        if parts.count == 2 {
            guard parts[1].utf8.count <= 3 else { return nil }
            let digits = parts[1].utf8.map { Int($0) - 0x30 }
            guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
            for (digit, place) in zip(digits, [100, 10, 1]) { weight += digit * place }
        }
        return weight <= 1000 ? weight : nil
    }

    private static func trimmed(_ bytes: some BidirectionalCollection<UInt8>) -> String {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let end = bytes.lastIndex { !isBlank($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
        return String(decoding: bytes[..<end].drop(while: isBlank), as: UTF8.self)
    }
}
