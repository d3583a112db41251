import JSON

/// Writes a JSON value as YAML that people edit: blocks, one member a line. What it writes, ``YAMLReader`` reads back as the same value.
enum YAMLWriter {
    static func text(_ object: JSONObject) -> String {
        var lines: [String] = []
        write(object, indentation: 0, &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func write(_ object: JSONObject, indentation: Int, _ lines: inout [String]) {
        let margin = String(repeating: " ", count: indentation)
        for (name, value) in object.members {
            switch value {
            case .object(let inner) where !inner.isEmpty:
                lines.append("\(margin)\(scalar(name)):")
                write(inner, indentation: indentation + 2, &lines)
            case .array(let elements) where !elements.isEmpty:
                lines.append("\(margin)\(scalar(name)):")
                for element in elements { write(element: element, indentation: indentation + 2, &lines) }
            default:
                lines.append("\(margin)\(scalar(name)): \(inline(value))")
            }
        }
    }

    private static func write(element: JSONValue, indentation: Int, _ lines: inout [String]) {
        let margin = String(repeating: " ", count: indentation)
        guard case .object(let object) = element, !object.isEmpty else { return lines.append("\(margin)- \(inline(element))") }
        var inner: [String] = []
        write(object, indentation: indentation + 2, &inner)
        // The first member stands behind the dash.
        inner[0] = "\(margin)- \(inner[0].dropFirst(indentation + 2))"
        lines += inner
    }

    private static func inline(_ value: JSONValue) -> String {
        if case .string(let text) = value { return scalar(text) }
        return escaped(value)
    }

    /// Plain where nobody can take it for something else; else in double quotes, whose escapes are JSON's.
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) } == true
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x5f
                    || byte == 0x2e || byte == 0x2f
            }
            && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
        return isPlain ? text : escaped(.string(text))
    }

    /// JSON, with the escapes that YAML needs and JSON does not: line ends and controls beyond ASCII, and what is no character.
    private static func escaped(_ value: JSONValue) -> String {
        var text = ""
        for scalar in String(decoding: value.serialized(), as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x7f...0x9f, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
