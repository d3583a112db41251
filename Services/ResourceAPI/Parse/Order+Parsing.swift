import JSON

extension OrderTerm {
    /// `field[.asc|.desc][.nullsfirst|.nullslast]` or `relation(field)…`, separated by commas.
    static func list(_ text: String) throws(APIError) -> [OrderTerm] {
        var scanner = Scanner(text, part: "order")
        var terms: [OrderTerm] = []
        repeat {
            guard terms.count < Query.maximumItems else { throw scanner.excess("\(Query.maximumItems) terms") }
            terms.append(try term(&scanner))
        } while scanner.skipSpaced(",")
        scanner.skipSpaces()
        guard scanner.isAtEnd else { throw scanner.unexpected("\",\", \"(\", \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"") }
        return terms
    }

    private static func term(_ scanner: inout Scanner) throws(APIError) -> OrderTerm {
        var relation: ExactString?
        var field = try scanner.field()
        if field.path.isEmpty, scanner.skip("(") {
            relation = field.column
            field = try scanner.field()
            guard scanner.skip(")") else { throw scanner.unexpected("\")\"") }
        }
        var term = OrderTerm(relation: relation, field: field)
        if !scanner.skip(".asc") { term.isDescending = scanner.skip(".desc") }
        if scanner.skip(".nullsfirst") {
            term.nulls = .first
        } else if scanner.skip(".nullslast") {
            term.nulls = .last
        }
        return term
    }
}
