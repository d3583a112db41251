import JSON
import Postgres

/// What `EXPLAIN (FORMAT JSON)` says of a statement: `[{"Plan": {"Plan Rows": 42, …}}]`.
enum PlannedRows {
    /// - Returns: rows of the topmost node; 0 where there is no such number.
    static func read(_ result: QueryResult) throws(PostgresError) -> Int {
        guard let text = try result.first?.decode(String.self, column: 0) else { throw .unexpectedRowCount(0) }
        let plan = (try? JSONValue(parsing: text, maximumDepth: 128))?.arrayValue?.first?.objectValue?["Plan"]?.objectValue
        return Int(min(plan?["Plan Rows"]?.doubleValue ?? 0, 1e15))
    }
}
