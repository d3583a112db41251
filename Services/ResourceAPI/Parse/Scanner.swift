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

    /// Whether the text goes on with `literal`.
    func sees(_ literal: StaticString) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard bytes.count - position >= length else { return false }
        return literal.withUTF8Buffer { bytes[position..<position + length].elementsEqual($0) }
    }

    mutating func skip(_ literal: StaticString) -> Bool {
        guard sees(literal) else { return false }
        position += literal.utf8CodeUnitCount
        return true
    }

    /// A mark with spaces around it.
    mutating func skipSpaced(_ mark: StaticString) -> Bool {
        let start = position
        skipSpaces()
        guard skip(mark) else {
            position = start
            return false
        }
        skipSpaces()
        return true
    }

    mutating func skipSpaces() {
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    /// A column's name or an alias: letters, digits, `_`, `$`, inner `-` and spaces; or anything between double quotes.
    ///
    /// - Parameter allowsEmpty: whether `""` is a name: of a member of JSON it is.
    mutating func identifier(allowsEmpty: Bool = false) throws(APIError) -> ExactString {
        skipSpaces()
        if next == UInt8(ascii: "\"") {
            let start = position
            let name = try quoted()
            guard allowsEmpty || !name.isEmpty else {
                position = start
                throw unexpected(Self.fieldName)
            }
            return ExactString(name)
        }
        let start = position
        while let byte = next, isIdentifierByte(byte, isFirst: position == start) { position += 1 }
        var end = position
        while end > start, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
        guard end > start else { throw unexpected(Self.fieldName) }
        return ExactString(String(decoding: bytes[start..<end], as: UTF8.self))
    }

    /// A double-quoted text, in which `\` takes the next character as it is.
    mutating func quoted() throws(APIError) -> String {
        guard let content = skipQuoted() else { throw unexpected("\"\\\"\"") }
        return content
    }

    /// A double-quoted text that `,`, `)` or the end follows; nil, and nothing skipped, for any other.
    ///
    /// Repeated at the start of every element of a list this stays linear: a quote at the start of a later element ends the text of an earlier one.
    mutating func quotedElement() -> String? {
        guard next == UInt8(ascii: "\"") else { return nil }
        let start = position
        if let content = skipQuoted(), next == nil || next == UInt8(ascii: ",") || next == UInt8(ascii: ")") { return content }
        position = start
        return nil
    }

    /// `{…}` without braces inside; nil, and nothing skipped, for anything else.
    mutating func bracedElement() -> String? {
        guard next == UInt8(ascii: "{") else { return nil }
        var end = position + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "{"), bytes[end] != UInt8(ascii: "}") { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "}") else { return nil }
        defer { position = end + 1 }
        return String(decoding: bytes[position...end], as: UTF8.self)
    }

    /// The bytes up to one that is in `terminators`, or the end.
    mutating func text(until terminators: StaticString) -> String {
        let start = position
        while let byte = next, !terminators.withUTF8Buffer({ $0.contains(byte) }) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Digits that end a step of a JSON path, with `-` before them or without.
    ///
    /// - Returns: nil, and nothing skipped, if there are none, or if they only begin a name.
    mutating func index() -> String? {
        var end = position
        if end < bytes.count, bytes[end] == UInt8(ascii: "-") { end += 1 }
        let digits = end
        while end < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[end]) { end += 1 }
        guard end > digits, endsStep(at: end) else { return nil }
        defer { position = end }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    private func endsStep(at index: Int) -> Bool {
        guard index < bytes.count else { return true }
        let following = index + 1 < bytes.count ? bytes[index + 1] : nil
        return switch bytes[index] {
        case UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: ")"): true
        case UInt8(ascii: "-"): following == UInt8(ascii: ">")
        case UInt8(ascii: ":"): following == UInt8(ascii: ":")
        default: false
        }
    }

    mutating func goBack(to position: Int) {
        self.position = min(position, self.position)
    }

    func unexpected(_ expectation: String) -> APIError {
        let found =
            isAtEnd
            ? "end of input" : "\"\(String(decoding: bytes[position...], as: UTF8.self).unicodeScalars.first.map(String.init) ?? "")\""
        return .malformed(part, text, at: column, "unexpected \(found) expecting \(expectation)")
    }

    /// A bound of this server that the text passes here.
    func excess(_ bound: String) -> APIError {
        .malformed(part, text, at: column, "more than \(bound)")
    }

    private var column: Int { String(decoding: bytes[..<position], as: UTF8.self).unicodeScalars.count + 1 }

    private static let fieldName = "field name (* or [a..z0..9_$])"

    /// Nil if the quote does not end; the position is then the end of the text.
    private mutating func skipQuoted() -> String? {
        guard skip("\"") else { return nil }
        var content: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = next else { return nil }
                content.append(escaped)
                position += 1
            default:
                content.append(byte)
            }
        }
        return nil
    }

    private func isIdentifierByte(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: " "), 0x80...0xFF:
            true
        case UInt8(ascii: "-"):
            !isFirst && position + 1 < bytes.count && bytes[position + 1] != UInt8(ascii: ">")
        default:
            false
        }
    }
}
