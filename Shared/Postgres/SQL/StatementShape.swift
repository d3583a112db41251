/// A statement's text without what a request may have put into it: for telling about it elsewhere.
///
/// Values are parameters, so the text holds none of them. But it holds literals, which may be names that a client chose (an alias, a key inside
/// a JSON document), and identifiers, which may be aliases. Literals become `'?'`; identifiers that are more than a plain name become `"?"`.
enum StatementShape {
    /// Of the text that is read; what is behind is left out.
    static let maximumBytes = 4096

    static func of(_ text: String) -> String {
        var reader = ShapeReader(bytes: Array(text.utf8.prefix(maximumBytes)))
        reader.run()
        return String(decoding: reader.shape, as: UTF8.self)
    }
}

private struct ShapeReader {
    let bytes: [UInt8]
    var shape: [UInt8] = []
    private var index = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
        shape.reserveCapacity(bytes.count)
    }

    mutating func run() {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "'"): literal()
            case UInt8(ascii: "\""): identifier()
            case UInt8(ascii: "$"): dollar()
            default:
                shape.append(bytes[index])
                index += 1
            }
        }
    }

    /// `'…'`, in which `''` is an apostrophe, and in `E'…'` also what follows a backslash.
    private mutating func literal() {
        let hasEscapes = index > 0 && bytes[index - 1] & 0xdf == UInt8(ascii: "E") && (index == 1 || !Self.isName(bytes[index - 2]))
        index += 1
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "'") {
                index += 1
                guard index < bytes.count, bytes[index] == UInt8(ascii: "'") else { break }
            } else if hasEscapes, bytes[index] == UInt8(ascii: "\\") {
                index += 1
            }
            index += 1
        }
        shape += "'?'".utf8
    }

    /// `"…"`, in which `""` is a quotation mark.
    private mutating func identifier() {
        let start = index
        index += 1
        var isPlain = true
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                index += 1
                guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { break }
            }
            if !Self.isName(bytes[index]) { isPlain = false }
            index += 1
        }
        // PostgreSQL's names have 63 bytes at most.
        if isPlain, index - start <= 65 { shape += bytes[start..<min(index, bytes.count)] } else { shape += "\"?\"".utf8 }
    }

    /// `$1` is a parameter; `$$…$$` and `$tag$…$tag$` are literals.
    private mutating func dollar() {
        var end = index + 1
        while end < bytes.count, Self.isName(bytes[end]) { end += 1 }
        let startsWithDigit = index + 1 < bytes.count && (0x30...0x39).contains(bytes[index + 1])
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$"), !startsWithDigit else {
            shape += bytes[index..<end]
            index = end
            return
        }
        let tag = bytes[index...end]
        index = end + 1
        while index < bytes.count, !bytes[index...].starts(with: tag) { index += 1 }
        index = min(bytes.count, index + tag.count)
        shape += "'?'".utf8
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
