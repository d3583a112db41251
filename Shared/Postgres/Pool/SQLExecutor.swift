/// Where statements can be run: the pool, a tenant's scope of it, or an interactive transaction.
///
/// All methods throw `PostgresError`, or `CancellationError` if the task was cancelled (the statement may have run).
public protocol SQLExecutor: Sendable {
    /// Runs one statement.
    /// - Parameter timeout: for waiting and running together; nil leaves it to the server's `statement_timeout`.
    nonisolated(nonsending) func query(_ sql: SQL, timeout: Duration?) async throws -> QueryResult

    /// Runs several statements in one round trip and, outside interactive transactions, in one transaction of their own.
    nonisolated(nonsending) func batch(_ statements: [SQL], timeout: Duration?) async throws -> [QueryResult]
}

extension SQLExecutor {
    nonisolated(nonsending) public func query(_ sql: SQL) async throws -> QueryResult {
        try await query(sql, timeout: nil)
    }

    nonisolated(nonsending) public func batch(_ statements: [SQL]) async throws -> [QueryResult] {
        try await batch(statements, timeout: nil)
    }

    /// Runs a statement for its effect.
    /// - Returns: the number of rows touched.
    @discardableResult
    nonisolated(nonsending) public func execute(_ sql: SQL, timeout: Duration? = nil) async throws -> Int {
        try await query(sql, timeout: timeout).affectedRows
    }

    nonisolated(nonsending) public func queryAll<T>(_ sql: SQL, timeout: Duration? = nil, _ map: (Row) throws -> T) async throws -> [T] {
        let result = try await query(sql, timeout: timeout)
        return try result.map(map)
    }

    /// - Throws: `.unexpectedRowCount` unless there is exactly one row.
    nonisolated(nonsending) public func queryOne<T>(_ sql: SQL, timeout: Duration? = nil, _ map: (Row) throws -> T) async throws -> T {
        let result = try await query(sql, timeout: timeout)
        guard result.count == 1 else { throw PostgresError.unexpectedRowCount(result.count) }
        return try map(result[0])
    }

    /// - Returns: nil if there is no row.
    /// - Throws: `.unexpectedRowCount` if there are several.
    nonisolated(nonsending) public func queryOptional<T>(_ sql: SQL, timeout: Duration? = nil, _ map: (Row) throws -> T) async throws -> T?
    {
        let result = try await query(sql, timeout: timeout)
        guard result.count <= 1 else { throw PostgresError.unexpectedRowCount(result.count) }
        return try result.first.map(map)
    }

    /// `queryAll` decoding all columns.
    nonisolated(nonsending) public func queryAll<each T: PostgresDecodable>(
        _ sql: SQL, as types: repeat (each T).Type
    ) async throws -> [(repeat each T)] {
        let result = try await query(sql, timeout: nil)
        return try result.map { try $0.decode(repeat each types) }
    }

    /// `queryOne` decoding all columns.
    nonisolated(nonsending) public func queryOne<each T: PostgresDecodable>(
        _ sql: SQL, as types: repeat (each T).Type
    ) async throws -> (repeat each T) {
        let result = try await query(sql, timeout: nil)
        guard result.count == 1 else { throw PostgresError.unexpectedRowCount(result.count) }
        return try result[0].decode(repeat each types)
    }

    /// `queryOptional` decoding all columns.
    nonisolated(nonsending) public func queryOptional<each T: PostgresDecodable>(
        _ sql: SQL, as types: repeat (each T).Type
    ) async throws -> (repeat each T)? {
        let result = try await query(sql, timeout: nil)
        guard result.count <= 1 else { throw PostgresError.unexpectedRowCount(result.count) }
        guard let row = result.first else { return nil }
        let values: (repeat each T) = try row.decode(repeat each types)
        return values
    }
}
