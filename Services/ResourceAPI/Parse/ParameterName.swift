import JSON

/// What a parameter of a query string is about: `embedded.embedded.column->member`, or a reserved word in the column's place.
struct ParameterName {
    enum Kind {
        case field(Field)
        case order
        case limit
        case offset
        /// `and` and `or`, with `not.` before it or without.
        case logic(isAny: Bool, isNegated: Bool)
    }

    /// Of embedded resources, from the root.
    let path: ArraySlice<ExactString>
    let kind: Kind
    /// As given.
    let text: String

    /// Reserved words are none between quotes: `"order"=eq.1` is a filter.
    ///
    /// - Throws: 400 `PGRST100`.
    init(_ text: String) throws(APIError) {
        var scanner = Scanner(text, part: "tree path")
        var path: [ExactString] = []
        var isQuoted = false
        var isNot = false
        repeat {
            isNot = !isQuoted && path.last?.string == "not"
            isQuoted = scanner.next == UInt8(ascii: "\"")
            path.append(try scanner.identifier())
        } while scanner.skip(".")
        let steps = try scanner.jsonPath()
        guard scanner.isAtEnd else { throw scanner.unexpected("\".\", \"->\" or end of input") }
        let column = path.removeLast()
        self.text = text
        switch column.string {
        case _ where isQuoted || !steps.isEmpty: kind = .field(Field(column: column, path: steps))
        case "order": kind = .order
        case "limit": kind = .limit
        case "offset": kind = .offset
        case "and", "or": kind = .logic(isAny: column.string == "or", isNegated: isNot)
        default: kind = .field(Field(column: column, path: steps))
        }
        if case .logic(_, isNegated: true) = kind { path.removeLast() }
        self.path = path[...]
    }
}
