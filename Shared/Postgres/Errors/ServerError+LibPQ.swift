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

    /// The session is over: the server shuts down or crashed, the session was terminated, or a pooler in between lost its server.
    var endsSession: Bool { comesFromServer && (severity == "FATAL" || severity == "PANIC") }

    /// The server process ended the session of its own accord, between statements or in the middle of one, and rolled back.
    /// It says so instead of confirming a commit, so what is not confirmed was not committed. Any other end leaves that open: the
    /// same words from a pooler, or in a crash, may come after the commit.
    var endsSessionUncommitted: Bool {
        severity == "FATAL" && [.adminShutdown, .idleSessionTimeout, .idleInTransactionSessionTimeout].contains(sqlState)
    }
}

extension String {
    func trimmingNewlines() -> String {
        var text = self
        while let last = text.last, last.isNewline { text.removeLast() }
        return text
    }
}
