import JSON

extension Filter {
    /// Reads `[not.]operator.value`.
    ///
    /// - Returns: the filter, and the value it takes, if it takes one.
    static func parse(column: ExactString, _ text: String) throws(APIError) -> (Filter, String?) {
        var scanner = Scanner(text, part: "filter")
        let isNegated = scanner.skip("not.")
        let name = scanner.text(until: ".(")
        if scanner.next == UInt8(ascii: "("), known.contains(name) {
            throw scanner.unsupported("operator modifiers")
        }
        guard known.contains(name) else {
            throw .malformed("filter", text, at: isNegated ? 5 : 1, "unknown operator, expecting one such as eq, gt, like, in or is")
        }
        guard scanner.skip(".") else { throw scanner.unexpected("\".\" and a value") }
        let (condition, value) = try operand(name, &scanner)
        return (Filter(column: column, isNegated: isNegated, condition: condition), value)
    }

    private static let known: Set<String> = [
        "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is",
        "match", "imatch", "isdistinct", "fts", "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj",
    ]

    private static func operand(_ name: String, _ scanner: inout Scanner) throws(APIError) -> (Condition, String?) {
        switch name {
        case "in":
            return (.isAny, ArrayLiteral.text(try list(&scanner)))
        case "is":
            let word = scanner.text(until: "")
            guard let keyword = Keyword(rawValue: word.lowercased()) else {
                throw scanner.unexpected("null, not_null, true, false or unknown")
            }
            return (.isKeyword(keyword), nil)
        default:
            guard let comparison = Comparison(rawValue: name) else { throw scanner.unsupported("the operator \(name)") }
            let value = scanner.text(until: "")
            switch comparison {
            case .like, .caseInsensitiveLike:
                let pattern = value.utf8.map { $0 == UInt8(ascii: "*") ? UInt8(ascii: "%") : $0 }
                return (.compare(comparison), String(decoding: pattern, as: UTF8.self))
            default:
                return (.compare(comparison), value)
            }
        }
    }

    /// `(a,"b, c",d)`: elements are quoted, or end at a comma or parenthesis; `()` is the empty list.
    private static func list(_ scanner: inout Scanner) throws(APIError) -> [String] {
        guard scanner.skip("(") else { throw scanner.unexpected("\"(\"") }
        var elements: [String] = []
        if scanner.next != UInt8(ascii: ")") {
            repeat {
                elements.append(scanner.next == UInt8(ascii: "\"") ? try scanner.quoted() : scanner.text(until: ",)"))
            } while scanner.skip(",")
        }
        guard scanner.skip(")") else { throw scanner.unexpected("\",\" or \")\"") }
        guard scanner.isAtEnd else { throw scanner.unexpected("the end") }
        return elements
    }
}

/// PostgreSQL's text form of a one-dimensional array.
enum ArrayLiteral {
    /// Every element is quoted, so that none reads as NULL, as nested or as two.
    static func text(_ elements: [String]) -> String {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
