import JSON

extension QueryBuilder {
    /// PostgreSQL's own bound of a name.
    static let maximumAliasBytes = 63
    static let maximumEmbeds = 32
    static let maximumDepth = 8

    /// What is wanted of the root and of everything embedded in it; the empty text wants nothing.
    mutating func readSelect(_ text: String) throws(APIError) {
        var scanner = Scanner(text, part: "select parameter")
        try readItems(of: 0, depth: 0, &scanner)
        guard scanner.isAtEnd else { throw scanner.unexpected("\",\" or end of input") }
    }

    /// Items up to a `)` or the end.
    private mutating func readItems(of node: Int, depth: Int, _ scanner: inout Scanner) throws(APIError) {
        nodes[node].items = []
        scanner.skipSpaces()
        if scanner.isAtEnd || depth > 0 && scanner.next == UInt8(ascii: ")") { return }
        repeat {
            guard itemCount < Query.maximumItems else { throw scanner.excess("\(Query.maximumItems) items") }
            itemCount += 1
            try readItem(of: node, depth: depth, &scanner)
        } while scanner.skipSpaced(",")
        scanner.skipSpaces()
    }

    private mutating func readItem(of node: Int, depth: Int, _ scanner: inout Scanner) throws(APIError) {
        scanner.skipSpaces()
        if scanner.skip("*") { return add(.all, to: node) }
        if scanner.skip("...") {
            var embed = Embed(relation: try scanner.identifier())
            embed.isSpread = true
            return try readEmbed(embed, in: node, depth: depth, &scanner)
        }
        var isQuoted = scanner.next == UInt8(ascii: "\"")
        var name = try scanner.identifier()
        var alias: ExactString?
        if scanner.next == UInt8(ascii: ":"), !scanner.sees("::") {
            guard name.string.utf8.count <= Self.maximumAliasBytes else {
                throw scanner.excess("\(Self.maximumAliasBytes) bytes in an alias")
            }
            _ = scanner.skip(":")
            alias = name
            scanner.skipSpaces()
            isQuoted = scanner.next == UInt8(ascii: "\"")
            name = try scanner.identifier()
        }
        if scanner.next == UInt8(ascii: "(") || scanner.next == UInt8(ascii: "!") {
            if name == Self.count, !isQuoted, scanner.next == UInt8(ascii: "(") {
                guard scanner.skip("()") else { throw scanner.unexpected("\"()\"") }
                return add(.count(alias: alias, cast: try Self.cast(&scanner)), to: node)
            }
            return try readEmbed(Embed(relation: name, alias: alias), in: node, depth: depth, &scanner)
        }
        let field = Field(column: name, path: try scanner.jsonPath())
        var selected = SelectedField(field: field, alias: alias)
        selected.cast = try Self.cast(&scanner)
        if scanner.skip(".") {
            selected.aggregate = try Self.aggregate(&scanner)
            selected.aggregateCast = try Self.cast(&scanner)
        }
        add(.field(selected), to: node)
    }

    private static let count = ExactString("count")

    /// `[!hint][!inner|!left](…)`, the marks in any order.
    private mutating func readEmbed(_ embed: Embed, in parent: Int, depth: Int, _ scanner: inout Scanner) throws(APIError) {
        var embed = embed
        var hasJoin = false
        while scanner.next == UInt8(ascii: "!"), embed.hint == nil || !hasJoin {
            _ = scanner.skip("!")
            let isQuoted = scanner.next == UInt8(ascii: "\"")
            let start = scanner.position
            let mark = try scanner.identifier()
            switch (mark.string, isQuoted, hasJoin, embed.hint) {
            case ("inner", false, false, _): (embed.isInner, hasJoin) = (true, true)
            case ("left", false, false, _): hasJoin = true
            case (_, _, _, nil): embed.hint = mark
            default:
                scanner.goBack(to: start)
                throw scanner.unexpected("\"inner\", \"left\" or \"(\"")
            }
        }
        guard scanner.skip("(") else { throw scanner.unexpected("\"(\"") }
        guard nodes.count <= Self.maximumEmbeds else { throw scanner.excess("\(Self.maximumEmbeds) embedded resources") }
        guard depth < Self.maximumDepth else { throw scanner.excess("\(Self.maximumDepth) embedded resources in one another") }
        let child = add(embed, to: parent)
        try readItems(of: child, depth: depth + 1, &scanner)
        guard scanner.skip(")") else { throw scanner.unexpected("\",\" or \")\"") }
    }

    /// `sum()` behind the dot.
    private static func aggregate(_ scanner: inout Scanner) throws(APIError) -> SelectedField.Aggregate {
        let start = scanner.position
        let name = scanner.text(until: ".,:( )")
        guard let aggregate = SelectedField.Aggregate(rawValue: name), scanner.skip("()") else {
            scanner.goBack(to: start)
            throw scanner.unexpected("\"sum()\", \"avg()\", \"count()\", \"max()\" or \"min()\"")
        }
        return aggregate
    }

    private static func cast(_ scanner: inout Scanner) throws(APIError) -> CastType? {
        guard scanner.skip("::") else { return nil }
        var name = scanner.text(until: ".,:()").lowercased()
        while name.utf8.first == UInt8(ascii: " ") { name.removeFirst() }
        while name.utf8.last == UInt8(ascii: " ") { name.removeLast() }
        guard let type = CastType(rawValue: name) else {
            throw APIError(400, "42704", "type \"\(APIError.excerpt(name))\" does not exist or is not one to cast to")
        }
        return type
    }
}
