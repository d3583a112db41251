extension NodeReader {
    /// Whether an expression, as `pg_node_tree` has it, calls one of the functions itself: what a query within it calls is evaluated once,
    /// not for every row.
    static func calls(_ functions: [Int64], in expression: String) -> Bool {
        var reader = NodeReader(expression)
        while let token = reader.take() {
            switch token {
            case .open(list: false):
                if reader.takeWord() == "QUERY" { reader.skipRest() }
            case .word(":funcid"):
                if let called = reader.takeWord().flatMap({ Int64($0) }), functions.contains(called) { return true }
            case .open, .close, .word: break
            }
        }
        return false
    }
}
