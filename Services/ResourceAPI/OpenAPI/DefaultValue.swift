import JSON

/// A column's default, as far as it is one constant.
enum DefaultValue {
    /// - Parameters:
    ///   - expression: as PostgreSQL writes it: `'new'::text`, `0`, `'-1'::integer`, `true`, `now()`.
    ///   - schema: of the column's type.
    /// - Returns: nil for what is computed.
    static func constant(_ expression: String, _ schema: JSONObject) -> JSONValue? {
        let type = schema["type"]?.stringValue ?? schema["type"]?.arrayValue?.first?.stringValue
        let text = quoted(expression) ?? expression
        switch type {
        case "boolean": return text == "true" ? true : text == "false" ? false : nil
        case "integer": return Int64(text).map { .integer($0) }
        case "number": return Int64(text).map { .integer($0) } ?? Double(text).flatMap { $0.isFinite ? .number($0) : nil }
        case "string" where schema["format"] == nil: return quoted(expression).map { .string($0) }
        default: return nil
        }
    }

    /// The text of `'…'` with nothing behind it but casts.
    private static func quoted(_ expression: String) -> String? {
        let bytes = Array(expression.utf8)
        let quote = UInt8(ascii: "'")
        guard bytes.first == quote else { return nil }
        var text: [UInt8] = []
        var position = 1
        while position < bytes.count {
            if bytes[position] == quote {
                guard position + 1 < bytes.count, bytes[position + 1] == quote else { break }
                position += 1
            }
            text.append(bytes[position])
            position += 1
        }
        guard position < bytes.count else { return nil }
        let rest = bytes[(position + 1)...]
        guard rest.isEmpty || rest.starts(with: "::".utf8) && rest.allSatisfy(isCastByte) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isCastByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "\""), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: false
        }
    }
}
