import Postgres

/// Runs prepared requests: one statement, one transaction, one round trip.
struct ResourceExecutor: Sendable {
    let postgres: Postgres

    /// - Parameter settings: tenant, subject, role and scopes; without a tenant no row is visible.
    /// - Throws: `APIError` for what the client may know; `CancellationError` when the task was cancelled.
    func run(_ request: PreparedRequest, settings: TransactionSettings, timeout: Duration? = nil) async throws -> ResourceResponse {
        let operation = request.operation
        guard let statement = operation.statement else {
            return try ResourceResponse(operation, request.query, Outcome(count: 0))
        }
        let outcome: Outcome
        do {
            let result = try await postgres.query(statement.bind(request.query, request.payload), settings: settings, timeout: timeout)
            outcome = try Outcome(result, statement.layout)
        } catch let error as PostgresError {
            throw APIError(error, table: operation.table, verb: operation.verb)
        }
        return try ResourceResponse(operation, request.query, outcome)
    }
}
