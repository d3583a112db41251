import JSON

extension QueryBuilder {
    /// Conditions in one request.
    static let maximumConditions = 256
    /// How many `and` and `or` may be open at once.
    static let maximumLogicDepth = 16

    /// Reads `[not.]operator.value`, the value raw up to the end.
    mutating func filter(on field: Field, _ text: String) throws(APIError) -> Condition {
        var scanner = Scanner(text, part: "filter")
        let filter = try filter(on: field, isNegated: false, isNested: false, &scanner)
        guard scanner.isAtEnd else { throw scanner.unexpected("end of input") }
        return .filter(filter)
    }

    /// Reads `and(…)` or `or(…)` from behind the name: `(condition,…)`.
    ///
    /// A condition is `field.[not.]operator.value`, `not.field.operator.value`, or again `[not.]and(…)` or `[not.]or(…)`. A value ends at `,` or `)`,
    /// unless it is quoted or in braces.
    mutating func logic(isAny: Bool, isNegated: Bool, _ text: String) throws(APIError) -> Condition {
        var scanner = Scanner(text, part: "logic tree")
        let condition = try group(isAny: isAny, isNegated: isNegated, depth: 1, &scanner)
        guard scanner.isAtEnd else { throw scanner.unexpected("end of input") }
        return condition
    }

    private mutating func group(isAny: Bool, isNegated: Bool, depth: Int, _ scanner: inout Scanner) throws(APIError) -> Condition {
        guard depth <= Self.maximumLogicDepth else { throw scanner.excess("\(Self.maximumLogicDepth) logical operators in one another") }
        guard scanner.skipSpaced("(") else { throw scanner.unexpected("\"(\"") }
        var conditions: [Condition] = []
        repeat {
            conditions.append(try member(depth: depth, &scanner))
        } while scanner.skipSpaced(",")
        guard scanner.skipSpaced(")") else { throw scanner.unexpected("\",\" or \")\"") }
        return isAny ? .any(conditions, isNegated: isNegated) : .all(conditions, isNegated: isNegated)
    }

    private mutating func member(depth: Int, _ scanner: inout Scanner) throws(APIError) -> Condition {
        scanner.skipSpaces()
        var isNegated = false
        // `not` may be a column as well: then an operator follows.
        if scanner.sees("not."), !scanner.seesFilterOnNot { isNegated = scanner.skip("not.") }
        for (word, isAny) in [("and(", false), ("or(", true)] as [(StaticString, Bool)] where scanner.sees(word) {
            _ = scanner.skip(isAny ? "or" : "and")
            return try group(isAny: isAny, isNegated: isNegated, depth: depth + 1, &scanner)
        }
        let field = try scanner.field()
        guard scanner.skip(".") else { throw scanner.unexpected("\".\" or \"->\"") }
        return .filter(try filter(on: field, isNegated: isNegated, isNested: true, &scanner))
    }

    private mutating func filter(
        on field: Field, isNegated: Bool, isNested: Bool, _ scanner: inout Scanner
    ) throws(APIError) -> Filter {
        guard conditionCount < Self.maximumConditions else { throw scanner.excess("\(Self.maximumConditions) conditions") }
        conditionCount += 1
        let isReversed = scanner.skip("not.")
        let operation = try operation(isNested: isNested, &scanner)
        return Filter(field: field, isNegated: isNegated != isReversed, operation: operation)
    }

    private mutating func operation(isNested: Bool, _ scanner: inout Scanner) throws(APIError) -> Filter.Operation {
        let start = scanner.position
        let name = scanner.text(until: ".(,)")
        switch name {
        case "in" where scanner.skip("."):
            return .isIn(value(ArrayLiteral.text(try Self.list(&scanner))))
        case "is" where scanner.skip("."):
            return .isKeyword(try Self.keyword(isNested: isNested, &scanner))
        default:
            break
        }
        if let search = Filter.TextSearch(rawValue: name) {
            let language = try Self.language(&scanner)
            guard scanner.skip(".") else { throw scanner.unexpected("\".\" or \"(\"") }
            return .matches(search, language: language, value(Self.operand(isNested: isNested, &scanner)))
        }
        guard let comparison = Filter.Comparison(rawValue: name) else {
            scanner.goBack(to: start)
            throw scanner.unexpected("\"not\" or operator (eq, gt, ...)")
        }
        let quantifier = comparison.isQuantifiable ? try Self.quantifier(&scanner) : nil
        guard scanner.skip(".") else { throw scanner.unexpected(comparison.isQuantifiable ? "\".\" or \"(\"" : "\".\"") }
        var operand = Self.operand(isNested: isNested, &scanner)
        if comparison == .like || comparison == .caseInsensitiveLike {
            operand = String(decoding: operand.utf8.map { $0 == UInt8(ascii: "*") ? UInt8(ascii: "%") : $0 }, as: UTF8.self)
        }
        let index = value(operand)
        return quantifier.map { .quantified(comparison, $0, index) } ?? .compare(comparison, index)
    }

    private static func operand(isNested: Bool, _ scanner: inout Scanner) -> String {
        guard isNested else { return scanner.text(until: "") }
        return scanner.quotedElement() ?? scanner.bracedElement() ?? scanner.text(until: ",)")
    }

    /// `(any)` or `(all)`
    private static func quantifier(_ scanner: inout Scanner) throws(APIError) -> Filter.Quantifier? {
        if scanner.skip("(any)") { return .any }
        if scanner.skip("(all)") { return .all }
        guard scanner.next != UInt8(ascii: "(") else { throw scanner.unexpected("\"(any)\", \"(all)\" or \".\"") }
        return nil
    }

    /// `(english)`
    private static func language(_ scanner: inout Scanner) throws(APIError) -> ExactString? {
        guard scanner.skip("(") else { return nil }
        let start = scanner.position
        let name = scanner.text(until: ")")
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isName, (1...63).contains(name.utf8.count), scanner.skip(")") else {
            scanner.goBack(to: start)
            throw scanner.unexpected("a text search configuration's name and \")\"")
        }
        return ExactString(name)
    }

    private static func keyword(isNested: Bool, _ scanner: inout Scanner) throws(APIError) -> Filter.Keyword {
        let start = scanner.position
        let word = scanner.text(until: isNested ? ",) " : "")
        guard let keyword = Filter.Keyword(rawValue: word.lowercased()) else {
            scanner.goBack(to: start)
            throw scanner.unexpected("isVal: (null, not_null, true, false, unknown)")
        }
        return keyword
    }

    /// `(a,"b, c",d)`: an element is quoted whole, or ends at a comma or parenthesis; `()` is the empty list.
    private static func list(_ scanner: inout Scanner) throws(APIError) -> [String] {
        guard scanner.skipSpaced("(") else { throw scanner.unexpected("\"(\"") }
        var elements: [String] = []
        if scanner.next != UInt8(ascii: ")") {
            repeat {
                elements.append(scanner.quotedElement() ?? scanner.text(until: ",)"))
            } while scanner.skip(",")
        }
        guard scanner.skipSpaced(")") else { throw scanner.unexpected("\",\" or \")\"") }
        return elements
    }
}

extension Filter.Comparison {
    /// Whether `(any)` and `(all)` may follow.
    fileprivate var isQuantifiable: Bool {
        switch self {
        case .equal, .greater, .greaterOrEqual, .less, .lessOrEqual, .like, .caseInsensitiveLike, .match, .caseInsensitiveMatch: true
        case .notEqual, .isDistinct, .contains, .isContained, .overlaps, .isStrictlyLeft, .isStrictlyRight, .extendsNotRight,
            .extendsNotLeft, .isAdjacent:
            false
        }
    }
}

extension Scanner {
    /// Whether `not.` here is a column with an operator behind it.
    fileprivate var seesFilterOnNot: Bool {
        var ahead = self
        _ = ahead.skip("not.")
        let name = ahead.text(until: ".(,)")
        guard ahead.next == UInt8(ascii: ".") || ahead.next == UInt8(ascii: "(") else { return false }
        return name == "in" || name == "is" || name == "not" || Filter.Comparison(rawValue: name) != nil
            || Filter.TextSearch(rawValue: name) != nil
    }
}
