import JSON

extension Query {
    /// Items in one list of columns.
    static let maximumItems = 256
    /// The largest limit and offset: exact in every JSON reader, and far from overflow.
    static let maximumCount = 1 << 53

    /// Reads a query string for `verb`.
    ///
    /// Nothing is passed over: a parameter is a reserved word or a filter, and what cannot be honoured is refused.
    /// - Throws: 400 `PGRST100`.
    init(_ string: QueryString, for verb: Verb) throws(APIError) {
        var seen: Set<String> = []
        for parameter in string.parameters {
            if Self.reserved.contains(parameter.name) {
                guard seen.insert(parameter.name).inserted else {
                    throw APIError(400, "PGRST100", "The parameter \(parameter.name) is given more than once")
                }
            }
            try read(parameter, for: verb)
        }
    }

    private static let reserved: Set<String> = ["select", "order", "limit", "offset", "columns"]

    private mutating func read(_ parameter: QueryString.Parameter, for verb: Verb) throws(APIError) {
        let (name, value) = (parameter.name, parameter.value)
        switch name {
        case "select":
            shape.select = try SelectItem.list(value)
        case "order":
            shape.order = try OrderTerm.list(value)
        case "limit":
            let limit = try Self.count(value, name: name, for: verb)
            self.limit = limit
            shape.limit = RowBound(limit: limit)
        case "offset":
            let offset = try Self.count(value, name: name, for: verb)
            self.offset = offset
            shape.hasOffset = offset > 0
        case "columns":
            guard verb == .insert || verb == .update else { throw .unsupported("columns without a body", name) }
            shape.columns = try Self.columnList(value)
        case "and", "or", "not.and", "not.or":
            throw .unsupported("logical operators", name)
        case "on_conflict":
            throw .unsupported("upserts", name)
        default:
            guard verb != .insert else { throw .unsupported("filters on an insert", name) }
            try readFilter(name: name, value: value)
        }
    }

    private mutating func readFilter(name: String, value: String) throws(APIError) {
        var scanner = Scanner(name, part: "filter column")
        let column = try scanner.identifier()
        guard scanner.isAtEnd else {
            if scanner.skip("->") { throw scanner.unsupported("JSON paths") }
            if scanner.skip(".") { throw scanner.unsupported("embedding") }
            throw scanner.unexpected("the end of the column name")
        }
        let (filter, operand) = try Filter.parse(column: column, value)
        shape.filters.append(filter)
        if let operand { values.append(operand) }
    }

    private static func count(_ text: String, name: String, for verb: Verb) throws(APIError) -> Int {
        guard verb.isRead else { throw .unsupported("\(name) on a write", name) }
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let count = Int(text),
            count <= maximumCount
        else {
            throw .malformed("\(name) parameter", text, at: 1, "expecting an integer from 0 to \(maximumCount)")
        }
        return count
    }

    private static func columnList(_ text: String) throws(APIError) -> [ExactString] {
        var scanner = Scanner(text, part: "columns parameter")
        var columns: [ExactString] = []
        repeat {
            let column = try scanner.identifier()
            if !columns.contains(column) { columns.append(column) }
            guard columns.count <= maximumItems else { throw scanner.unexpected("fewer columns") }
            scanner.skipSpaces()
        } while scanner.skip(",")
        guard scanner.isAtEnd else { throw scanner.unexpected("\",\"") }
        return columns.sorted { $0.string < $1.string }
    }
}

extension SelectItem {
    /// `*`, `column`, `alias:column`, `column::type`, separated by commas; the empty text selects nothing.
    static func list(_ text: String) throws(APIError) -> [SelectItem] {
        var scanner = Scanner(text, part: "select parameter")
        scanner.skipSpaces()
        guard !scanner.isAtEnd else { return [] }
        var items: [SelectItem] = []
        repeat {
            items.append(try item(&scanner))
            guard items.count <= Query.maximumItems else { throw scanner.unexpected("fewer columns") }
            scanner.skipSpaces()
        } while scanner.skip(",")
        guard scanner.isAtEnd else { throw refusal(scanner) }
        return items
    }

    private static func item(_ scanner: inout Scanner) throws(APIError) -> SelectItem {
        scanner.skipSpaces()
        if scanner.skip("*") { return .all }
        if scanner.skip("...") { throw scanner.unsupported("embedding") }
        var name = try scanner.identifier()
        var alias: ExactString?
        var isCast = scanner.skip("::")
        if !isCast, scanner.skip(":") {
            alias = name
            name = try scanner.identifier()
            isCast = scanner.skip("::")
        }
        return .column(name: name, alias: alias, cast: isCast ? try cast(&scanner) : nil)
    }

    private static func cast(_ scanner: inout Scanner) throws(APIError) -> CastType {
        let name = scanner.text(until: ",:(").lowercased()
        guard let type = CastType(rawValue: name) else {
            throw APIError(400, "42704", "type \"\(APIError.excerpt(name))\" does not exist or is not one to cast to")
        }
        return type
    }

    /// Why reading stopped before the end.
    private static func refusal(_ scanner: Scanner) -> APIError {
        switch scanner.next {
        case UInt8(ascii: "("), UInt8(ascii: "!"): scanner.unsupported("embedding and aggregates")
        case UInt8(ascii: "."): scanner.unsupported("aggregates")
        case UInt8(ascii: "-"): scanner.unsupported("JSON paths")
        default: scanner.unexpected("\",\" or \"::\"")
        }
    }
}

extension OrderTerm {
    /// `column[.asc|.desc][.nullsfirst|.nullslast]`, separated by commas.
    static func list(_ text: String) throws(APIError) -> [OrderTerm] {
        var scanner = Scanner(text, part: "order")
        var terms: [OrderTerm] = []
        repeat {
            terms.append(try term(&scanner))
            guard terms.count <= Query.maximumItems else { throw scanner.unexpected("fewer columns") }
        } while scanner.skip(",")
        guard scanner.isAtEnd else {
            switch scanner.next {
            case UInt8(ascii: "("): throw scanner.unsupported("embedding")
            case UInt8(ascii: "-"): throw scanner.unsupported("JSON paths")
            default: throw scanner.unexpected("\",\", \".asc\", \".desc\", \".nullsfirst\" or \".nullslast\"")
            }
        }
        return terms
    }

    private static func term(_ scanner: inout Scanner) throws(APIError) -> OrderTerm {
        let column = try scanner.identifier()
        var isDescending = false
        var nulls: Nulls?
        if !scanner.skip(".asc") { isDescending = scanner.skip(".desc") }
        if scanner.skip(".nullsfirst") {
            nulls = .first
        } else if scanner.skip(".nullslast") {
            nulls = .last
        }
        scanner.skipSpaces()
        return OrderTerm(column: column, isDescending: isDescending, nulls: nulls)
    }
}
