extension NodeReader {
    /// Whether an expression, as `pg_node_tree` has it, calls one of the functions itself, with nothing of the row: for every row the same.
    /// What a query within it calls is evaluated once.
    static func calls(_ functions: [Int64], in expression: String) -> Bool {
        var reader = NodeReader(expression)
        return reader.findings(of: functions).isCalling
    }

    private struct Findings {
        var isCalling = false
        var hasColumn = false
    }

    /// To the end of what has been opened.
    private mutating func findings(of functions: [Int64], depth: Int = 0) -> Findings {
        var found = Findings()
        var called: Int64?
        var isColumn = false
        while let token = take() {
            switch token {
            case .close:
                if isColumn { found.hasColumn = true }
                if let called, functions.contains(called), !found.hasColumn { found.isCalling = true }
                return found
            case .word("VAR"): isColumn = true
            case .word(":funcid"): called = takeWord().flatMap { Int64($0) }
            case .word("QUERY"):
                skipRest()
                return found
            case .word: break
            case .open:
                guard depth < 1000 else { return found }
                let within = findings(of: functions, depth: depth + 1)
                found.isCalling = found.isCalling || within.isCalling
                found.hasColumn = found.hasColumn || within.hasColumn
            }
        }
        return found
    }
}
