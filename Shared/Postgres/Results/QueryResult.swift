/// The outcome of one statement. It owns libpq's memory, so a cell can be passed on without a copy.
public struct QueryResult: Sendable {
    let handle: ResultHandle
    /// The number of rows returned.
    public let count: Int

    init(_ handle: ResultHandle) {
        self.handle = handle
        count = handle.rowCount
    }

    /// Rows touched by INSERT, UPDATE, DELETE or MERGE; rows returned by SELECT; 0 for other commands.
    public var affectedRows: Int { handle.affectedRows }

    public var isEmpty: Bool { count == 0 }

    public var columnCount: Int { handle.columnCount }

    public var columns: [(name: String, type: SQLType)] {
        (0..<columnCount).map { (handle.columnName($0), handle.columnType($0)) }
    }

    /// - Precondition: `row` is in `0..<count`.
    public subscript(row: Int) -> Row {
        precondition(row >= 0 && row < count, "row index out of range")
        return Row(handle: handle, index: row)
    }

    public var first: Row? { isEmpty ? nil : self[0] }

    /// The cell's bytes as PostgreSQL's binary format has them (text and `json` are plain UTF-8, `jsonb` has a version byte first);
    /// nil for NULL or a cell that does not exist. The bytes must not be used after the closure.
    public func withUnsafeBytes<R>(row: Int, column: Int, _ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
        guard row >= 0, row < count, column >= 0, column < columnCount else { return try body(nil) }
        return try withExtendedLifetime(handle) { try body(handle.bytes(row: row, column: column)) }
    }

    /// A copy of the cell's bytes, as `withUnsafeBytes(row:column:_:)` shows them.
    public func bytes(row: Int, column: Int) -> [UInt8]? {
        withUnsafeBytes(row: row, column: column) { $0.map { [UInt8]($0) } }
    }
}

extension QueryResult: Sequence {
    public struct Iterator: IteratorProtocol {
        let result: QueryResult
        private var index = 0

        init(result: QueryResult) {
            self.result = result
        }

        public mutating func next() -> Row? {
            guard index < result.count else { return nil }
            defer { index += 1 }
            return result[index]
        }
    }

    public func makeIterator() -> Iterator { Iterator(result: self) }

    public var underestimatedCount: Int { count }
}
