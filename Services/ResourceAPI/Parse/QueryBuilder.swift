import JSON

/// A query being read: the root and everything embedded as one array, so that what names an embedded resource finds it at once.
struct QueryBuilder {
    /// What is wanted of one relation.
    struct Node {
        enum Item {
            case plain(SelectItem)
            /// An embedded resource, and the node that will be its selection.
            case embedded(Embed, Int)
        }

        var items: [Item]?
        /// All but the items.
        var selection = Selection()
        var limit: Int?
        var offset: Int?
        var hasOrder = false
        /// The embedded resources by alias or name, and those with an alias by their relation's name too, where that means one only.
        var byName: [ExactString: Int] = [:]
        var byRelation: [ExactString: Int?] = [:]
    }

    let verb: Verb
    /// The root comes first.
    var nodes = [Node()]
    var values: [String] = []
    var itemCount = 0
    var conditionCount = 0
    var columns: [ExactString]?
    var onConflict: [ExactString]?
    var after: QueryShape.Cursor?
    var arguments: [QueryShape.Argument] = []

    init(verb: Verb) {
        self.verb = verb
    }

    mutating func value(_ text: String) -> ValueIndex {
        values.append(text)
        return values.count - 1
    }

    mutating func add(_ item: SelectItem, to node: Int) {
        nodes[node].items?.append(.plain(item))
    }

    /// - Returns: the new node.
    mutating func add(_ embed: Embed, to parent: Int) -> Int {
        let child = nodes.count
        nodes.append(Node())
        nodes[parent].items?.append(.embedded(embed, child))
        if nodes[parent].byName[embed.name] == nil { nodes[parent].byName[embed.name] = child }
        if embed.alias != nil {
            nodes[parent].byRelation[embed.relation] = .some(nodes[parent].byRelation[embed.relation] == nil ? child : nil)
        }
        return child
    }

    /// The node that a path of embedded resources' names leads to.
    ///
    /// - Throws: 400 `PGRST108`.
    func node(at path: some Sequence<ExactString>) throws(APIError) -> Int {
        var node = 0
        for name in path {
            guard let child = nodes[node].byName[name] ?? nodes[node].byRelation[name].flatMap({ $0 }) else {
                throw .notEmbedded(name.string)
            }
            node = child
        }
        return node
    }

    /// All that was read.
    ///
    /// - Throws: 400 `PGRST100` for two ways to say where the page begins.
    mutating func shape() throws(APIError) -> QueryShape {
        if after != nil, let offset = nodes[0].offset, offset > 0 { throw .unsupported("an offset with a cursor", "after") }
        return QueryShape(root: selection(of: 0), columns: columns, onConflict: onConflict, after: after, arguments: arguments)
    }

    /// What was read of a node and below.
    private mutating func selection(of node: Int) -> Selection {
        var selection = nodes[node].selection
        if let items = nodes[node].items {
            var made: [SelectItem] = []
            for item in items {
                switch item {
                case .plain(let item):
                    made.append(item)
                case .embedded(var embed, let child):
                    embed.selection = self.selection(of: child)
                    made.append(.relation(embed))
                }
            }
            selection.items = made
        }
        if let limit = nodes[node].limit {
            selection.limit = RowBound.isLiteral(limit) ? .literal(limit) : .parameter(value(String(limit)))
        }
        if let offset = nodes[node].offset, offset > 0 { selection.offset = value(String(offset)) }
        return selection
    }
}

extension APIError {
    /// A name before the dot of a filter, an order or a bound that `select` does not embed.
    static func notEmbedded(_ name: String) -> APIError {
        APIError(
            400, "PGRST108", "'\(excerpt(name))' is not an embedded resource in this request",
            hint: "Verify that '\(excerpt(name))' is included in the 'select' query parameter.")
    }
}
