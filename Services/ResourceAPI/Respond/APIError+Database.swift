import JSON
import Postgres

extension APIError {
    /// What a client may know of a database error.
    ///
    /// The server's own words pass only where they speak of the client's values or of what a developer raised; keys and constraints
    /// are worded from the catalog, which does not know `tenant_id`. A row of another tenant and one that never existed read alike.
    init(_ error: PostgresError, operation: Operation) {
        switch error {
        case .server(let error):
            self = Self.server(error, operation)
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

    private static func server(_ error: ServerError, _ operation: Operation) -> APIError {
        let code = error.sqlState.rawValue
        switch error.sqlState {
        case .uniqueViolation, .exclusionViolation, .foreignKeyViolation, .restrictViolation, .notNullViolation, .checkViolation:
            return constraintViolation(error, operation)
        case .insufficientPrivilege:
            var refusal = APIError(403, code, "permission denied for \(subject(operation))")
            // What the catalog allowed was taken back since, such as DELETE where rows are marked from now on.
            refusal.suggestsStaleCatalog = !isInside(error, operation)
            return refusal
        case .untranslatableCharacter:
            return APIError(400, code, "unsupported Unicode escape sequence", details: "\\u0000 cannot be converted to text.")
        case .undefinedTable where isInside(error, operation), .undefinedColumn where isInside(error, operation),
            .undefinedFunction where isInside(error, operation):
            // Not the call but what the function does: no catalog knows better.
            return raised(error.sqlState == .undefinedColumn ? 400 : 404, error)
        case .undefinedTable, .undefinedColumn:
            return stale(operation)
        case .undefinedFunction where operation.verb.isCall:
            return stale(operation)
        case SQLState(rawValue: "42725") where operation.verb.isCall && !isInside(error, operation):
            return APIError(
                300, "PGRST203", "Could not choose the best candidate function for \(subject(operation))",
                details: "Another function of this name, which is not exposed, could take the same arguments.",
                hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved")
        case .undefinedFunction, .datatypeMismatch, SQLState(rawValue: "42846"):
            var refusal = APIError(400, code, spoken(error.message) ?? "The operator does not fit the column's type")
            // The function of a cast or of a computed column may be gone.
            refusal.suggestsStaleCatalog = error.sqlState == .undefinedFunction && operation.runsForeignCode
            return refusal
        case SQLState(rawValue: "42P10"):
            return noSuchKey
        case .raiseException:
            return raised(400, error)
        case SQLState(rawValue: "SP001"):
            return refused(error)
        case SQLState(rawValue: "PGRST"):
            return RaisedAnswer.error(error)
        case .queryCanceled:
            return APIError(504, code, "The statement took too long")
        case .readOnlyTransaction:
            return APIError(405, code, spoken(error.message) ?? "The transaction is read-only")
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
        case "42":
            // Of the statement's own text it would be our mistake; without a place in it, it is a value, such as a text search query.
            guard error.sqlState == .syntaxError ? error.position == nil : code != "42P17" else { return .internalError }
            return APIError(400, code, spoken(error.message) ?? "The request does not fit what it is about")
        case "44", "0A":
            return APIError(400, code, "The request cannot be carried out on this table")
        case "0L", "0P", "28":
            return APIError(403, code, "permission denied")
        case "PT":
            guard let status = Int(code.dropFirst(2)), (200...599).contains(status) else { return .internalError }
            return raised(status, error)
        case "P0":
            // What a developer's function did wrong rather than refused, such as an ASSERT.
            return APIError(500, code, "The function failed")
        default:
            return .internalError
        }
    }

    private static let noSuchKey = APIError(
        400, "42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")

    /// Whether the error is of a function's own statements, and not of the call.
    private static func isInside(_ error: ServerError, _ operation: Operation) -> Bool {
        operation.verb.isCall && error.context != nil
    }

    /// The statement rests on something that the database no longer has.
    private static func stale(_ operation: Operation) -> APIError {
        var error: APIError
        switch operation.subject {
        case .table(let view) where view.kind != .table && (operation.verb == .insert || operation.verb == .put):
            // A view may hide what its table's keys lead with.
            error = noSuchKey
        case .table(let table):
            error = .unknownTable(table.name, schema: table.schema)
        case .function(let function):
            error = APIError(404, "PGRST202", "Could not find the function \(function.schema).\(function.name) in the schema cache")
        }
        error.suggestsStaleCatalog = true
        return error
    }

    /// By `RAISE` in a developer's function, whose words are meant for the client.
    private static func raised(_ status: Int, _ error: ServerError) -> APIError {
        APIError(
            status, error.sqlState.rawValue, spoken(error.message) ?? "refused", details: error.detail.flatMap(spoken),
            hint: error.hint.flatMap(spoken))
    }

    /// By `sallyport.refuse` inside a statement of this service, to undo what it wrote.
    private static func refused(_ error: ServerError) -> APIError {
        let code = error.column ?? ""
        func text(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
        return APIError(RefusalCode.status(of: code), code, error.message, details: text(error.detail), hint: text(error.hint))
    }

    private static func subject(_ operation: Operation) -> String {
        switch operation.subject {
        case .table(let table): "table \(table.name)"
        case .function(let function): "function \(function.name)"
        }
    }

    private static func constraintViolation(_ error: ServerError, _ operation: Operation) -> APIError {
        let code = error.sqlState.rawValue
        // Triggers and functions write to other tables, of which some are exposed and some are nobody's business.
        guard let schema = error.schema, let name = error.table,
            let table = operation.catalog.table(RelationID(schema: schema, name: name)) ?? view(operation)
        else {
            let isConflict = error.sqlState != .notNullViolation && error.sqlState != .checkViolation
            return APIError(isConflict ? 409 : 400, code, "a row that this request would write is refused by a constraint")
        }
        let constraint = error.constraint.flatMap { table.constraints[$0] }
        let columns = constraint.map { $0.columns.joined(separator: ", ") }
        switch error.sqlState {
        case .uniqueViolation, .exclusionViolation:
            return APIError(409, code, "duplicate key value in \(table.name)", details: columns.map { "Key (\($0)) already exists." })
        case .foreignKeyViolation, .restrictViolation:
            guard operation.verb != .delete, case .foreignKey(let other)? = constraint?.kind,
                operation.table.map({ $0.id == table.id || $0.kind != .table }) ?? !error.message.hasPrefix("update or delete")
            else {
                return APIError(409, code, "rows of \(operation.table?.name ?? table.name) are still referenced from another table")
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

    /// The view that is written through, where the table behind it is not exposed.
    private static func view(_ operation: Operation) -> Table? {
        operation.table.flatMap { $0.kind == .table ? nil : $0 }
    }

    /// The server's text, unless it tells of what tenants must not see.
    static func spoken(_ text: String) -> String? {
        let lowered = text.lowercased()
        return lowered.contains("tenant_id") || lowered.contains("sallyport") ? nil : text
    }
}

/// Statuses of the codes that statements refuse with.
enum RefusalCode {
    static func status(of code: String) -> Int {
        switch code {
        case "PGRST116": 406
        case "PGRST103": 416
        case "PGRST115", "PGRST124": 400
        case "PGRST412": 412
        case "23505": 409
        case "PGRST111", "PGRST112": 500
        default: 400
        }
    }
}
