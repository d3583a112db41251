internal import CLibPQ

extension ServerError {
    /// Reads the fields of a `PGRES_FATAL_ERROR` result.
    init(result: OpaquePointer) {
        func field(_ code: some BinaryInteger) -> String? {
            PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
        }
        severity = field(SP_DIAG_SEVERITY_NONLOCALIZED) ?? "ERROR"
        sqlState = SQLState(rawValue: field(SP_DIAG_SQLSTATE) ?? "")
        message =
            field(SP_DIAG_MESSAGE_PRIMARY)
            ?? PQresultErrorMessage(result).map { String(cString: $0).trimmingNewlines() } ?? "unknown error"
        detail = field(SP_DIAG_MESSAGE_DETAIL)
        hint = field(SP_DIAG_MESSAGE_HINT)
        context = field(SP_DIAG_CONTEXT)
        schema = field(SP_DIAG_SCHEMA_NAME)
        table = field(SP_DIAG_TABLE_NAME)
        column = field(SP_DIAG_COLUMN_NAME)
        constraint = field(SP_DIAG_CONSTRAINT_NAME)
        position = field(SP_DIAG_STATEMENT_POSITION).flatMap { Int($0) }
        sourceFunction = field(SP_DIAG_SOURCE_FUNCTION)
    }

    /// libpq makes errors of its own (a broken connection) without a SQLSTATE.
    var comesFromServer: Bool { !sqlState.rawValue.isEmpty }

    /// The prepared statement is unknown to this session, or its result type changed under it: preparing again cures both.
    var isCuredByPreparingAgain: Bool {
        sqlState == .invalidStatementName || (sqlState == .featureNotSupported && sourceFunction == "RevalidateCachedQuery")
    }

    /// The server ends the session (shutdown, crash of a neighbour, `pg_terminate_backend`).
    /// Such a report comes instead of a commit's confirmation, so nothing unconfirmed before it was committed.
    var endsSession: Bool { comesFromServer && (severity == "FATAL" || severity == "PANIC") }
}

extension String {
    func trimmingNewlines() -> String {
        var text = self
        while let last = text.last, last.isNewline { text.removeLast() }
        return text
    }
}
