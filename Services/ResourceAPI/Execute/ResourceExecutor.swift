import JSON
import Postgres

/// Runs prepared requests: one statement, one transaction, one round trip.
struct ResourceExecutor: Sendable {
    let database: TenantDatabase

    /// Rows that one read returns at most, where the role of the settings has a limit of its own.
    func maximumRows(_ settings: TransactionSettings) -> Int? { database.limits(of: settings).maximumRows }

    /// - Parameter settings: tenant, subject, role and scopes; without a tenant no row is visible.
    /// - Throws: `APIError` for what the client may know; `CancellationError` when the task was cancelled.
    func run(_ request: PreparedRequest, settings: TransactionSettings, timeout: Duration? = nil) async throws -> ResourceResponse {
        try ResourceResponse(request, try await outcome(request, settings: settings, timeout: timeout))
    }

    /// Runs requests one after the other in somebody's transaction, up to the first that is refused. Their time zones are not set.
    ///
    /// - Throws: as ``run(_:settings:timeout:)``; nothing can be run in the transaction after that.
    func run(_ requests: [PreparedRequest], in transaction: Transaction) async throws -> [ResourceResponse] {
        var responses: [ResourceResponse] = []
        for request in requests {
            responses.append(try ResourceResponse(request, try await outcome(request, in: transaction)))
        }
        return responses
    }

    func outcome(_ request: PreparedRequest, settings: TransactionSettings, timeout: Duration? = nil) async throws -> Outcome {
        let settings = self.settings(for: request, settings)
        guard request.preferences.rollsBack else {
            return try await outcome(request, in: database.with(settings), timeout: timeout)
        }
        return try await rolledBack(request, settings: settings, timeout: timeout)
    }

    /// The caller's settings and what the request needs besides.
    func settings(for request: PreparedRequest, _ settings: TransactionSettings) -> TransactionSettings {
        var settings = settings
        if request.operation.runsForeignCode { settings = settings.resettingSession() }
        if let zone = request.preferences.timeZone { settings = settings.adding("TimeZone", zone.string) }
        if request.operation.isPurge { settings = settings.adding("sallyport.purge", "on") }
        switch request.operation.verb {
        // What is read may be computed by a function that a developer wrote: reading writes nothing, whatever that does.
        case .read, .head, .callReading, .callHead: settings = settings.adding("transaction_read_only", "on")
        case .insert, .put, .update, .delete, .call: break
        }
        return settings
    }

    /// Runs `body` in one transaction of several statements.
    func withTransaction<R>(settings: TransactionSettings, _ body: (Transaction) async throws -> R) async throws -> R {
        try await database.withTransaction(settings: settings, body)
    }

    /// The statement alone.
    func outcome(_ request: PreparedRequest, in executor: some SQLExecutor, timeout: Duration? = nil) async throws -> Outcome {
        guard let statement = request.operation.statement else { return Outcome(count: 0) }
        do {
            return try Outcome(
                try await executor.query(statement.bind(request.query, request.payload), timeout: timeout), statement.layout)
        } catch let error as PostgresError {
            throw APIError(error, operation: request.operation)
        }
    }

    /// In somebody's transaction of these settings; a statement that is slow there is watched as any.
    func outcome(
        _ request: PreparedRequest, in transaction: Transaction, _ settings: TransactionSettings, timeout: Duration?
    ) async throws -> Outcome {
        guard let statement = request.operation.statement else { return Outcome(count: 0) }
        let start = ContinuousClock.now
        defer { database.note(start.duration(to: .now), statement.statement, settings) }
        return try await outcome(request, in: transaction, timeout: timeout)
    }

    /// `tx=rollback`: what the request would have done.
    private func rolledBack(_ request: PreparedRequest, settings: TransactionSettings, timeout: Duration?) async throws -> Outcome {
        struct Undo: Error {}
        var outcome: Outcome?
        do {
            try await database.withTransaction(settings: settings) { transaction in
                outcome = try await self.outcome(request, in: transaction, timeout: timeout)
                throw Undo()
            }
        } catch is Undo {
        } catch let error as PostgresError {
            throw APIError(error, operation: request.operation)
        }
        guard let outcome else { throw APIError.internalError }
        return outcome
    }
}
