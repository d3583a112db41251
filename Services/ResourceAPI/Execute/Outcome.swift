import Postgres

/// What a statement did.
struct Outcome: Sendable {
    /// Rows read or written.
    var count: Int
    /// Rows there would be without limit and offset, if counted.
    var total: Int?
    /// The primary key of the one row made, for `Location`.
    var key: [(column: String, value: String)]?
    /// Holds the rows as JSON in row 0, column 0.
    var rows: QueryResult?
    /// Whether the rows are left out because there is too much of them.
    var isTooLarge = false

    init(count: Int) {
        self.count = count
    }

    /// Reads the answer as its layout says.
    init(_ result: QueryResult, _ layout: ResourceStatement.Layout) throws(PostgresError) {
        if layout == .affected {
            self.init(count: result.affectedRows)
            return
        }
        guard let row = result.first else { throw .unexpectedRowCount(0) }
        switch layout {
        case .rows(let hasTotal):
            self.init(count: try row.decode(Int.self, column: 1))
            isTooLarge = result.withUnsafeBytes(row: 0, column: 0) { $0 == nil }
            rows = isTooLarge ? nil : result
            if hasTotal { total = try row.decode(Int.self, column: 2) }
        case .count(let hasTotal):
            self.init(count: try row.decode(Int.self, column: 0))
            if hasTotal { total = try row.decode(Int.self, column: 1) }
        case .key(let names):
            self.init(count: try row.decode(Int.self, column: 0))
            guard count == 1 else { return }
            var key: [(column: String, value: String)] = []
            for (position, name) in names.enumerated() {
                key.append((name, try row.decode(String.self, column: position + 1)))
            }
            self.key = key
        case .affected:
            self.init(count: result.affectedRows)
        }
    }
}
