import JSON

/// Reads text once, forwards, a byte at a time: every rule of the grammar is linear.
struct Scanner {
    private let bytes: [UInt8]
    private(set) var position = 0
    /// What is being read, for messages.
    private let part: String
    private let text: String

    init(_ text: String, part: String) {
        bytes = Array(text.utf8)
        self.text = text
        self.part = part
    }

    var isAtEnd: Bool { position == bytes.count }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skip(_ literal: StaticString) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard bytes.count - position >= length else { return false }
        let matches = literal.withUTF8Buffer { bytes[position..<position + length].elementsEqual($0) }
        if matches { position += length }
        return matches
    }

    mutating func skipSpaces() {
        while next == UInt8(ascii: " ") { position += 1 }
    }

    /// A column's name or an alias: letters, digits, `_`, `$`, inner `-` and spaces; or anything between double quotes.
    mutating func identifier() throws(APIError) -> ExactString {
        skipSpaces()
        if next == UInt8(ascii: "\"") { return ExactString(try quoted()) }
        let start = position
        while let byte = next, isIdentifierByte(byte) { position += 1 }
        var end = position
        while end > start, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
        guard end > start else { throw unexpected("a column name") }
        return ExactString(String(decoding: bytes[start..<end], as: UTF8.self))
    }

    /// A double-quoted text, in which `\` takes the next character as it is.
    mutating func quoted() throws(APIError) -> String {
        guard skip("\"") else { throw unexpected("\"") }
        var content: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = next else { throw unexpected("a character after \\") }
                content.append(escaped)
                position += 1
            default:
                content.append(byte)
            }
        }
        throw unexpected("\"")
    }

    /// The bytes up to one that is in `terminators`, or the end.
    mutating func text(until terminators: StaticString) -> String {
        let start = position
        while let byte = next, !terminators.withUTF8Buffer({ $0.contains(byte) }) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    func unexpected(_ expectation: String) -> APIError {
        let found = isAtEnd ? "end of input" : "\"\(String(decoding: bytes[position...].prefix(1), as: UTF8.self))\""
        return .malformed(part, text, at: column, "unexpected \(found), expecting \(expectation)")
    }

    func unsupported(_ feature: String) -> APIError {
        .unsupported(feature, text)
    }

    private var column: Int { String(decoding: bytes[..<position], as: UTF8.self).count + 1 }

    private func isIdentifierByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: " "), 0x80...0xFF:
            true
        case UInt8(ascii: "-"):
            position + 1 < bytes.count && bytes[position + 1] != UInt8(ascii: ">")
        default:
            false
        }
    }
}
