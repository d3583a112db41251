internal import CLibPQ

/// Writes streamed rows in some text form. It is used by one thread, which may not be the one that made it.
public protocol RowEncoder: Sendable {
    /// Called once, before the first row.
    mutating func begin(columns: [String], in chunk: inout [UInt8])
    /// Adds a row to the chunk.
    mutating func append(_ row: borrowing StreamedRow, to chunk: inout [UInt8])
}

/// One row on its way through. Its cells are in PostgreSQL's text format.
public struct StreamedRow: ~Copyable {
    private let result: OpaquePointer
    public let columnCount: Int

    init(_ result: OpaquePointer, columnCount: Int) {
        self.result = result
        self.columnCount = columnCount
    }

    /// The cell's UTF-8, which must not be used after the row; nil for NULL.
    ///
    /// - Precondition: `column` is in `0..<columnCount`.
    public func cell(_ column: Int) -> UnsafeRawBufferPointer? {
        let column = Int32(truncatingIfNeeded: column)
        if PQgetisnull(result, 0, column) != 0 { return nil }
        return UnsafeRawBufferPointer(start: PQgetvalue(result, 0, column), count: Int(PQgetlength(result, 0, column)))
    }
}
