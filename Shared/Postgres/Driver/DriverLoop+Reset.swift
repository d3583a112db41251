extension DriverLoop {
    /// What `DISCARD ALL` does, but for the prepared statements and plans, which are the pool's own.
    private static let statements: [Request.Bound] = [
        "CLOSE ALL", "RESET ROLE", "RESET ALL", "SELECT pg_catalog.pg_advisory_unlock_all()", "UNLISTEN *", "DISCARD SEQUENCES",
        "DISCARD TEMP",
    ].map { (statement: SQLStatement($0), parameters: []) }

    /// Takes away what requests left behind in the session, behind whatever is in flight. Until it is known to be gone the connection is not
    /// shared.
    func reset(_ connection: DriverConnection) {
        send(Request(kind: .reset, settings: .none, first: Self.statements[0], rest: Array(Self.statements[1...])), on: connection)
    }

    /// A connection that cannot be reset is closed: its `statement_timeout` may be what was changed, or a cancellation came late.
    func concludeReset(_ request: Request, on connection: DriverConnection) {
        if request.serverError == nil { connection.isTainted = false } else { connection.isRetiring = true }
        request.finish()
    }
}
