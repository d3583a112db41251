/// What a view's stored query tells about where its columns come from, read from `pg_rewrite.ev_action`.
///
/// The text is PostgreSQL's `pg_node_tree`: nodes `{KIND :field value …}`, lists `(…)`, and words in which a backslash takes the next
/// byte's meaning away. Only the outermost query counts; queries within it are stepped over.
struct ViewDefinition: Sendable, Hashable {
    /// One column of the result. `table` and `column` are 0 unless it is plainly a column of a relation the query names.
    struct Output: Sendable, Hashable {
        /// From 1; of the view's columns the attribute number.
        var number = 0
        var table: Int64 = 0
        var column = 0
        /// What GROUP BY calls it; 0 if it does not.
        var group = 0
        /// Not a column of the view.
        var isJunk = false
        /// Of a plain column, its place in FROM; 0 of anything else.
        fileprivate var source = 0
    }

    /// What FROM names: a relation, or something else.
    struct Source: Sendable, Hashable {
        var kind = 0
        var relation: Int64 = 0

        var isRelation: Bool { kind == 0 && relation != 0 }
    }

    private(set) var outputs: [Output] = []
    /// In FROM, joins resolved into what they join.
    private(set) var sources: [Source] = []
    private(set) var groups: [Int] = []
    /// UNION, INTERSECT or EXCEPT.
    private(set) var hasSetOperation = false
    private(set) var hasAggregates = false
    /// A function in the select list that makes rows of its own.
    private(set) var multipliesRows = false
    private(set) var isDistinct = false

    /// One relation's rows, each at most once.
    var isSimple: Bool {
        sources.count == 1 && sources[0].isRelation && groups.isEmpty && !hasSetOperation && !hasAggregates && !multipliesRows
            && !isDistinct
    }

    /// - Returns: nil if the text is not a query.
    init?(_ text: String) {
        var reader = NodeReader(text)
        guard reader.take() == .open(list: true), reader.take() == .open(list: false), reader.takeWord() == "QUERY" else { return nil }
        var entries: [Source] = []
        var references: [Int] = []
        while let field = reader.takeField() {
            switch field {
            case "rtable": entries = reader.nodes { $0.source() }
            case "jointree": references = reader.rangeTableReferences()
            case "targetList": outputs = reader.nodes { $0.output() }
            case "groupClause": groups = reader.nodes { $0.numbers(["tleSortGroupRef"])["tleSortGroupRef"] ?? 0 }
            case "setOperations": hasSetOperation = !reader.skipEmptyValue()
            case "distinctClause": isDistinct = !reader.skipEmptyValue()
            case "hasAggs": hasAggregates = reader.takeWord() == "true"
            case "hasTargetSRFs": multipliesRows = reader.takeWord() == "true"
            default: reader.skipValue()
            }
        }
        for reference in references {
            guard entries.indices.contains(reference - 1) else { return nil }
            sources.append(entries[reference - 1])
        }
        // Of what only GROUP BY names the server does not note the origin.
        for index in outputs.indices where outputs[index].table == 0 && entries.indices.contains(outputs[index].source - 1) {
            let entry = entries[outputs[index].source - 1]
            if outputs[index].isJunk, entry.isRelation { outputs[index].table = entry.relation } else { outputs[index].column = 0 }
        }
    }
}

extension NodeReader {
    fileprivate mutating func source() -> ViewDefinition.Source {
        let found = numbers(["rtekind", "relid"])
        return ViewDefinition.Source(kind: found["rtekind"] ?? -1, relation: Int64(found["relid"] ?? 0))
    }

    fileprivate mutating func output() -> ViewDefinition.Output {
        var output = ViewDefinition.Output()
        var variable: (source: Int, column: Int)?
        while let field = takeField() {
            switch field {
            case "expr": variable = plainColumn()
            case "resno": output.number = takeNumber()
            case "ressortgroupref": output.group = takeNumber()
            case "resorigtbl": output.table = Int64(takeNumber())
            case "resorigcol": output.column = takeNumber()
            case "resjunk": output.isJunk = takeWord() == "true"
            default: skipValue()
            }
        }
        if output.table == 0, let variable { (output.source, output.column) = variable }
        return output
    }

    /// Of a `VAR` node of this query; nil of every other.
    private mutating func plainColumn() -> (source: Int, column: Int)? {
        guard take() == .open(list: false) else { return nil }
        guard takeWord() == "VAR" else {
            skipRest()
            return nil
        }
        let found = numbers(["varno", "varattno", "varlevelsup"])
        guard let source = found["varno"], let column = found["varattno"], found["varlevelsup"] == 0, column > 0 else { return nil }
        return (source, column)
    }

    private mutating func takeNumber() -> Int {
        takeWord().flatMap { Int($0) } ?? 0
    }

    /// Of the join tree that follows, which entries of the range table are joined; queries in its conditions have entries of their own.
    fileprivate mutating func rangeTableReferences() -> [Int] {
        var references: [Int] = []
        guard case .open? = take() else { return references }
        var depth = 1
        while depth > 0, let token = take() {
            switch token {
            case .open(list: true): depth += 1
            case .open(list: false):
                switch takeWord() {
                case "QUERY": skipRest()
                case "RANGETBLREF": references.append(numbers(["rtindex"])["rtindex"] ?? 0)
                default: depth += 1
                }
            case .close: depth -= 1
            case .word: break
            }
        }
        return references
    }
}
