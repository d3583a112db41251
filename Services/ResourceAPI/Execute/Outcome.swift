import Postgres

/// What a statement did.
struct Outcome: Sendable {
    /// Rows read or written.
    var count: Int
    /// Rows there would be without limit and offset, if counted; beyond a ceiling, one more than that.
    var total: Int?
    /// Of the rows written, those that were not there before, if counted.
    var inserted: Int?
    /// Where the next page begins, as `after=` takes it.
    var cursor: String?
    /// The digest of the one row, if asked for.
    var tag: String?
    /// The primary key of the one row made, for `Location`.
    var key: [(column: String, value: String)]?
    /// Holds the body in row 0, column 0.
    var body: QueryResult?
    /// Whether the body is left out because there is too much of it.
    var isTooLarge = false
    /// What a function left in `response.status` and `response.headers`; nil: nothing.
    var responseStatus: String?
    var responseHeaders: String?

    init(count: Int) {
        self.count = count
    }

    /// Reads the answer as its layout says.
    init(_ result: QueryResult, _ layout: ResourceStatement.Layout) throws(PostgresError) {
        guard layout.hasRow else {
            self.init(count: result.affectedRows)
            return
        }
        guard let row = result.first else { throw .unexpectedRowCount(0) }
        var column = layout.hasBody ? 1 : 0
        func next() -> Int {
            defer { column += 1 }
            return column
        }
        self.init(count: try row.decode(Int.self, column: next()))
        if layout.hasBody {
            isTooLarge = result.withUnsafeBytes(row: 0, column: 0) { $0 == nil }
            body = isTooLarge ? nil : result
        }
        if layout.hasTotal { total = try row.decode(Int.self, column: next()) }
        if layout.hasCursor {
            cursor = try row.decode(String?.self, column: next()).map { QueryShape.Cursor.token(json: Array($0.utf8)) }
        }
        if layout.hasTag { tag = try row.decode(String?.self, column: next()) }
        if layout.hasInserted { inserted = try row.decode(Int.self, column: next()) }
        if !layout.key.isEmpty {
            var key: [(column: String, value: String)] = []
            for name in layout.key {
                // Of no row at all there is no key.
                guard let value = try row.decode(String?.self, column: next()) else { continue }
                key.append((name, value))
            }
            if count == 1, key.count == layout.key.count { self.key = key }
        }
        if layout.hasSettings {
            responseStatus = try Self.setting(row, next())
            responseHeaders = try Self.setting(row, next())
        }
    }

    /// A setting that was made once on the connection reads as empty text afterwards.
    private static func setting(_ row: Row, _ column: Int) throws(PostgresError) -> String? {
        let value = try row.decode(String?.self, column: column)
        return value?.isEmpty == true ? nil : value
    }
}
