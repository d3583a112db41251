/// One row of a result.
public struct Row: Sendable {
    let handle: ResultHandle
    let index: Int

    public var columnCount: Int { handle.columnCount }

    /// All columns, in order: `let (id, name) = try row.decode(UUID.self, String?.self)`.
    /// - Throws: `PostgresError.decoding` if the number of columns, a type or a NULL does not fit.
    public func decode<each T: PostgresDecodable>(_ types: repeat (each T).Type) throws(PostgresError) -> (repeat each T) {
        var expected = 0
        for _ in repeat each types { expected += 1 }
        guard expected == columnCount else {
            throw .decoding(
                DecodingFailure(
                    column: "#\(Swift.min(expected, columnCount))", type: .unknown,
                    reason: "the row has \(columnCount) columns, \(expected) are decoded"))
        }
        var column = -1
        func next() -> Int {
            column += 1
            return column
        }
        return (repeat try decode(each types, column: next()))
    }

    /// - Throws: `PostgresError.decoding` if there is no such column, or its type or NULL does not fit.
    public func decode<T: PostgresDecodable>(_ type: T.Type, column: Int) throws(PostgresError) -> T {
        guard column >= 0, column < columnCount else {
            throw .decoding(DecodingFailure(column: "#\(column)", type: .unknown, reason: "no such column"))
        }
        let columnType = handle.columnType(column)
        do {
            return try withExtendedLifetime(handle) { () throws(DecodingMismatch) -> T in
                try T.decode(PostgresCell(type: columnType, bytes: handle.bytes(row: index, column: column)))
            }
        } catch {
            throw .decoding(DecodingFailure(column: handle.columnName(column), type: columnType, reason: error.reason))
        }
    }

    /// - Throws: `PostgresError.decoding` if there is no such column, or its type or NULL does not fit.
    public func decode<T: PostgresDecodable>(_ type: T.Type, column name: String) throws(PostgresError) -> T {
        guard let column = handle.columnIndex(name) else {
            throw .decoding(DecodingFailure(column: name, type: .unknown, reason: "no such column"))
        }
        return try decode(type, column: column)
    }
}
