import JSON

extension Query {
    /// Items of `select` in one request, and of every other list.
    static let maximumItems = 256
    /// The largest limit and offset: exact in every JSON reader, and far from overflow.
    static let maximumCount = 1 << 53

    /// Reads a query string for `verb`.
    ///
    /// Nothing is passed over: a parameter is a reserved word, a filter, or an argument of a function called by GET, and what cannot be
    /// honoured is refused.
    /// - Parameter range: the value of `Range` without its unit, `10-19` or `10-`; counts on GET only, and only as far as `limit` and
    ///   `offset` agree (RFC 9110 §14.2). Another form is passed over.
    /// - Throws: 400 `PGRST100` for what does not follow the grammar, `PGRST108` for a name before a dot that `select` does not embed, `42704`
    ///   for a cast to an unknown type; 416 `PGRST103` for an empty range.
    init(_ string: QueryString, range: String? = nil, for verb: Verb) throws(APIError) {
        var builder = QueryBuilder(verb: verb)
        for parameter in string.parameters where parameter.name == "select" {
            guard builder.nodes[0].items == nil else { throw .repeated("select") }
            try builder.readSelect(parameter.value)
        }
        for parameter in string.parameters where parameter.name != "select" { try builder.read(parameter) }
        if let range, verb == .read || verb == .callReading { try builder.restrict(to: range) }
        shape = try builder.shape()
        values = builder.values
    }
}

extension QueryBuilder {
    mutating func read(_ parameter: QueryString.Parameter) throws(APIError) {
        let (name, value) = (parameter.name, parameter.value)
        switch name {
        case "columns":
            guard verb == .insert || verb == .update || verb == .call else { throw .unsupported("columns without rows in a body", name) }
            guard columns == nil else { throw .repeated(name) }
            columns = try Self.names(value, of: name).sorted { $0.string.utf8.lexicographicallyPrecedes($1.string.utf8) }
        case "on_conflict":
            guard verb == .insert else { throw .unsupported("on_conflict on other than an insert", name) }
            guard onConflict == nil else { throw .repeated(name) }
            onConflict = try Self.names(value, of: name)
        case "after" where !verb.isCall && QueryShape.Cursor.canBegin(value):
            guard verb == .read || verb == .head else { throw .unsupported("a cursor on a write", name) }
            guard after == nil else { throw .repeated(name) }
            after = try cursor(value)
        default:
            try read(ParameterName(name), value)
        }
    }

    private mutating func read(_ name: ParameterName, _ value: String) throws(APIError) {
        switch name.kind {
        case .order:
            let node = try node(at: name.path)
            guard !nodes[node].hasOrder else { throw .repeated(name.text) }
            nodes[node].hasOrder = true
            nodes[node].selection.order = try OrderTerm.list(value)
        case .limit:
            let node = try node(at: name.path)
            guard nodes[node].limit == nil else { throw .repeated(name.text) }
            nodes[node].limit = try Self.count(value, of: name.text)
        case .offset:
            let node = try node(at: name.path)
            guard nodes[node].offset == nil else { throw .repeated(name.text) }
            nodes[node].offset = try Self.count(value, of: name.text)
        case .logic(let isAny, let isNegated):
            let node = try filteredNode(name)
            nodes[node].selection.conditions.append(try logic(isAny: isAny, isNegated: isNegated, value))
        case .field(let field):
            if verb == .callReading || verb == .callHead, name.path.isEmpty, field.path.isEmpty {
                return readFilterOrArgument(field, value)
            }
            let node = try filteredNode(name)
            nodes[node].selection.conditions.append(try filter(on: field, value))
        }
    }

    /// What reads as a filter is one, and anything else an argument.
    private mutating func readFilterOrArgument(_ field: Field, _ text: String) {
        let (valueCount, conditionCount) = (values.count, self.conditionCount)
        do {
            nodes[0].selection.conditions.append(try filter(on: field, text))
        } catch {
            values.removeSubrange(valueCount...)
            self.conditionCount = conditionCount
            arguments.append(QueryShape.Argument(name: field.column, value: value(text)))
        }
    }

    private func filteredNode(_ name: ParameterName) throws(APIError) -> Int {
        guard !name.path.isEmpty || verb != .insert else { throw .unsupported("filters on an insert", name.text) }
        return try node(at: name.path)
    }

    private static func count(_ text: String, of name: String) throws(APIError) -> Int {
        guard let count = decimal(text), count <= Query.maximumCount else {
            throw .malformed("\(name) parameter", text, at: 1, "expecting an integer from 0 to \(Query.maximumCount)")
        }
        return count
    }

    /// ASCII digits only; as large as can be if there are too many.
    static func decimal(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(text) ?? .max
    }

    /// Names separated by commas, each once.
    private static func names(_ text: String, of parameter: String) throws(APIError) -> [ExactString] {
        var scanner = Scanner(text, part: "\(parameter) parameter")
        var names: [ExactString] = []
        var seen: Set<ExactString> = []
        repeat {
            guard names.count < Query.maximumItems else { throw scanner.excess("\(Query.maximumItems) names") }
            let name = try scanner.identifier()
            if seen.insert(name).inserted { names.append(name) }
        } while scanner.skipSpaced(",")
        scanner.skipSpaces()
        guard scanner.isAtEnd else { throw scanner.unexpected("\",\" or end of input") }
        return names
    }
}

extension APIError {
    fileprivate static func repeated(_ name: String) -> APIError {
        APIError(400, "PGRST100", "The parameter \(excerpt(name)) is given more than once")
    }
}
