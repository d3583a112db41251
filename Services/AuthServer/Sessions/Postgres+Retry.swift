import Postgres

extension Postgres {
    /// A transaction that is run once more where the server asks for that.
    ///
    /// A tenant's session that another transaction moves into another partition cannot be waited for: who meets it gets SQLSTATE 40001, and
    /// finds it in its new place the next time.
    ///
    /// - Parameter body: may run twice; does nothing that a rollback does not undo.
    func withRepeatedTransaction<R>(settings: TransactionSettings, _ body: (Transaction) async throws -> R) async throws -> R {
        do {
            return try await withTransaction(settings: settings, body)
        } catch let error as PostgresError where error.sqlState == .serializationFailure {
            return try await withTransaction(settings: settings, body)
        }
    }
}
