import Synchronization

/// An interactive transaction on a connection of its own. Valid inside the closure it is given to.
public final class Transaction: SQLExecutor, Sendable {
    private let pool: Postgres
    private let driver: Driver
    private let lease: Lease

    private struct State {
        /// Whether BEGIN went out, with the first statement.
        var isBegun = false
        var isOver = false
        /// The first failure: the server accepts nothing but ROLLBACK after it.
        var failure: (any Error)?
    }

    private let state = Mutex(State())

    init(pool: Postgres, driver: Driver, lease: Lease) {
        self.pool = pool
        self.driver = driver
        self.lease = lease
    }

    nonisolated(nonsending) public func query(_ sql: SQL, timeout: Duration?) async throws -> QueryResult {
        try await run(sql, [], timeout: timeout).result()
    }

    nonisolated(nonsending) public func batch(_ statements: [SQL], timeout: Duration?) async throws -> [QueryResult] {
        guard let first = statements.first else { return [] }
        return try await run(first, statements.dropFirst(), timeout: timeout).results()
    }

    nonisolated(nonsending) private func run(_ first: SQL, _ rest: ArraySlice<SQL>, timeout: Duration?) async throws -> Request {
        try state.withLock { state in
            if state.isOver { throw PostgresError.closed }
            if let failure = state.failure { throw failure }
            state.isBegun = true
        }
        do {
            return try await pool.perform(first, rest, kind: .leased(lease), on: driver, timeout: timeout)
        } catch {
            // A parameter that cannot be sent has not reached the server.
            if case PostgresError.invalidParameter = error { throw error }
            state.withLock { if $0.failure == nil { $0.failure = error } }
            throw error
        }
    }

    /// Runs `body` under a savepoint: where the server refuses one of its statements, its effects are taken back and the transaction goes on.
    ///
    /// - Throws: what `body` throws. Unless it is for such a refusal, the transaction is lost.
    nonisolated(nonsending) public func attempt<R>(_ body: (Transaction) async throws -> R) async throws -> R {
        try await execute("SAVEPOINT sallyport_attempt")
        let value: R
        do {
            value = try await body(self)
        } catch {
            try await takeBack()
            throw error
        }
        try await execute("RELEASE SAVEPOINT sallyport_attempt")
        return value
    }

    /// Only after a refusal by the server is it known how the transaction stands.
    nonisolated(nonsending) private func takeBack() async throws {
        let isTakenBack = state.withLock { state in
            switch state.failure {
            case nil: return true
            case PostgresError.server(let error)? where !error.endsSession:
                state.failure = nil
                return true
            default: return false
            }
        }
        guard isTakenBack else { return }
        _ = try await batch(["ROLLBACK TO SAVEPOINT sallyport_attempt", "RELEASE SAVEPOINT sallyport_attempt"])
    }

    /// - Throws: the failure of an earlier statement, even if the body swallowed it: the server can only roll back.
    nonisolated(nonsending) fileprivate func commit() async throws {
        let (isBegun, failure) = state.withLock { state in
            state.isOver = true
            return (state.isBegun, state.failure)
        }
        guard isBegun else { return }
        if let failure {
            await end("ROLLBACK")
            throw failure
        }
        let request = Request(kind: .leased(lease), settings: .none, first: SQL("COMMIT").resolved())
        try await pool.perform(request, on: driver, isCancellable: false)
    }

    nonisolated(nonsending) fileprivate func rollback() async {
        let isBegun = state.withLock { state in
            state.isOver = true
            return state.isBegun
        }
        if isBegun { await end("ROLLBACK") }
    }

    /// A connection on which this fails is discarded when it is given back.
    nonisolated(nonsending) private func end(_ statement: SQL) async {
        let request = Request(kind: .leased(lease), settings: .none, first: statement.resolved())
        try? await pool.perform(request, on: driver, isCancellable: false)
    }
}

extension Postgres {
    /// Runs `body` in an interactive transaction: committed if it returns, rolled back if it throws.
    ///
    /// BEGIN and the settings travel with the first statement. For one statement, or several known in advance, `query` and `batch`
    /// need fewer round trips and no connection of their own.
    nonisolated(nonsending) public func withTransaction<R>(
        settings: TransactionSettings = .none, _ body: (Transaction) async throws -> R
    ) async throws -> R {
        let lease = Lease(settings: settings)
        let driver = nextDriver()
        try Self.check(settings)
        let request = Request(kind: .lease(lease), settings: .none, first: SQL("").resolved())
        try await perform(request, on: driver)
        defer { driver.post(.release(lease)) }
        let transaction = Transaction(pool: self, driver: driver, lease: lease)
        let value: R
        do {
            value = try await body(transaction)
        } catch {
            await transaction.rollback()
            throw error
        }
        try await transaction.commit()
        return value
    }
}
