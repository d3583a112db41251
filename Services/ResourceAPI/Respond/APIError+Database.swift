import Postgres

extension APIError {
    /// What a client may know of a database error.
    ///
    /// The server's own words pass only where they speak of the client's values or of what a developer raised; keys and constraints
    /// are worded from the catalog, which does not know `tenant_id`. A row of another tenant and one that never existed read alike.
    init(_ error: PostgresError, table: Table, verb: Verb) {
        switch error {
        case .server(let error):
            self = Self.server(error, table: table, verb: verb)
        case .acquisitionTimedOut, .queueFull:
            self.init(503, "PGRST003", "No database connection became free in time", retryAfter: 1)
        case .unavailable, .connectionLost, .closed:
            self.init(503, "PGRST001", "The database cannot be reached", retryAfter: 1)
        case .timedOut:
            self.init(504, "57014", "The statement took too long")
        case .invalidParameter:
            self.init(400, "22021", "A value holds a character that cannot be stored")
        case .decoding, .unexpectedRowCount, .configuration, .protocolViolation:
            self = .internalError
        }
        if status == 500 || status == 503 { operatorDetail = error.debugDescription }
    }

    static let internalError = APIError(500, "PGRST500", "Internal error")

    private static func server(_ error: ServerError, table: Table, verb: Verb) -> APIError {
        let code = error.sqlState.rawValue
        switch error.sqlState {
        case .uniqueViolation, .exclusionViolation, .foreignKeyViolation, .restrictViolation, .notNullViolation, .checkViolation:
            return constraintViolation(error, table: table, verb: verb)
        case .insufficientPrivilege:
            return APIError(403, code, "permission denied for table \(table.name)")
        case .untranslatableCharacter:
            return APIError(400, code, "unsupported Unicode escape sequence", details: "\\u0000 cannot be converted to text.")
        case .undefinedTable, .undefinedColumn:
            var error = APIError(404, "PGRST205", "Could not find the table '\(table.schema).\(table.name)' in the schema cache")
            error.suggestsStaleCatalog = true
            return error
        case .undefinedFunction, .datatypeMismatch, SQLState(rawValue: "42846"):
            return APIError(400, code, spoken(error.message) ?? "The operator does not fit the column's type")
        case .raiseException:
            return APIError(
                400, code, spoken(error.message) ?? "refused", details: error.detail.flatMap(spoken), hint: error.hint.flatMap(spoken))
        case .queryCanceled:
            return APIError(504, code, "The statement took too long")
        case .readOnlyTransaction:
            return APIError(405, code, "The transaction is read-only")
        case .serializationFailure, .deadlockDetected, .lockNotAvailable:
            return APIError(503, code, "The row is being changed by another request", retryAfter: 1)
        default:
            return byClass(error)
        }
    }

    private static func byClass(_ error: ServerError) -> APIError {
        let code = error.sqlState.rawValue
        switch error.sqlState.errorClass {
        case "22", "21":
            return APIError(400, code, spoken(error.message) ?? "A value does not fit its column")
        case "08", "53", "57":
            return APIError(503, code, "The database cannot be reached", retryAfter: 1)
        case "54":
            return APIError(400, code, "A value is too large for an index, or the request for one statement")
        case "44", "0A":
            return APIError(400, code, "The request cannot be carried out on this table")
        case "PT":
            guard let status = Int(code.dropFirst(2)), (400...599).contains(status) else { return .internalError }
            return APIError(
                status, code, spoken(error.message) ?? "refused", details: error.detail.flatMap(spoken), hint: error.hint.flatMap(spoken))
        default:
            return .internalError
        }
    }

    private static func constraintViolation(_ error: ServerError, table: Table, verb: Verb) -> APIError {
        let code = error.sqlState.rawValue
        let constraint = error.constraint.flatMap { table.constraints[$0] }
        let columns = constraint.map { $0.columns.joined(separator: ", ") }
        switch error.sqlState {
        case .uniqueViolation, .exclusionViolation:
            return APIError(409, code, "duplicate key value in \(table.name)", details: columns.map { "Key (\($0)) already exists." })
        case .foreignKeyViolation, .restrictViolation:
            guard verb != .delete, case .foreignKey(let other)? = constraint?.kind, error.table == table.name else {
                return APIError(409, code, "rows of \(table.name) are still referenced from another table")
            }
            return APIError(
                409, code, "\(table.name) refers to a row that does not exist",
                details: columns.map { "Key (\($0)) is not present in table \"\(other)\"." })
        case .notNullViolation:
            guard let column = error.column.flatMap(table.column) else { return .internalError }
            return APIError(400, code, "null value in column \"\(column.name)\" of \(table.name)")
        default:
            return APIError(
                400, code, "a value of \(table.name) violates a check", details: columns.map { "Checked: (\($0))." },
                hint: error.constraint.flatMap(spoken))
        }
    }

    /// The server's text, unless it tells of what tenants must not see.
    private static func spoken(_ text: String) -> String? {
        let lowered = text.lowercased()
        return lowered.contains("tenant_id") || lowered.contains("sallyport") ? nil : text
    }
}
