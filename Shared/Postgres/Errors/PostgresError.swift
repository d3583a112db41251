/// Everything a query can fail with, apart from `CancellationError` when its task was cancelled.
///
/// `description` is bland (safe for logs and metrics); `debugDescription` has the server's words, which may quote data.
public enum PostgresError: Error, Sendable {
    /// The server refused the statement; its transaction was rolled back.
    case server(ServerError)
    /// The connection broke while the statement was with the server.
    /// - Parameter mayHaveRun: false if its transaction certainly did not commit, so that a retry is safe.
    case connectionLost(mayHaveRun: Bool)
    /// No connection can be made at present; the text is libpq's, without secrets.
    case unavailable(String)
    /// All connections stayed busy for the acquisition timeout.
    case acquisitionTimedOut(after: Duration)
    /// The queue for connections is full.
    case queueFull(limit: Int)
    /// The timeout given with the query passed; the server was told to stop, but the statement may have run.
    case timedOut(after: Duration)
    /// The pool is shut down, or not started.
    case closed
    /// A parameter cannot be sent; nothing was.
    case invalidParameter(String)
    /// A row does not have the expected shape.
    case decoding(DecodingFailure)
    /// A query for one row (or at most one) found another number.
    case unexpectedRowCount(Int)
    /// The connection string or another setting is unusable.
    case configuration(String)
    /// libpq or the server left the protocol; the connection was closed.
    case protocolViolation(String)

    public var sqlState: SQLState? {
        guard case .server(let error) = self else { return nil }
        return error.sqlState
    }

    /// True if the same request may be sent again without risk of running twice.
    public var isSafeToRetry: Bool {
        switch self {
        case .server(let error):
            error.sqlState == .serializationFailure || error.sqlState == .deadlockDetected
        case .connectionLost(let mayHaveRun):
            !mayHaveRun
        case .unavailable, .acquisitionTimedOut, .queueFull:
            true
        case .timedOut, .closed, .invalidParameter, .decoding, .unexpectedRowCount, .configuration, .protocolViolation:
            false
        }
    }
}

/// A server's error report (protocol: ErrorResponse).
public struct ServerError: Error, Sendable, Hashable {
    /// `ERROR`, `FATAL` or `PANIC`.
    public let severity: String
    public let sqlState: SQLState
    public let message: String
    public let detail: String?
    public let hint: String?
    public let context: String?
    public let schema: String?
    public let table: String?
    public let column: String?
    public let constraint: String?
    /// 1-based character position in the statement's text.
    public let position: Int?
    /// The server's C function that reported it; tells apart errors with one SQLSTATE, whatever the language of the message.
    let sourceFunction: String?
}

/// Where and why a value could not be decoded.
public struct DecodingFailure: Error, Sendable, Hashable {
    public let column: String
    public let type: SQLType
    public let reason: String
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .server(let error): "database error \(error.sqlState)"
        case .connectionLost(let mayHaveRun): "database connection lost (\(mayHaveRun ? "may have run" : "did not run"))"
        case .unavailable: "database unavailable"
        case .acquisitionTimedOut(let duration): "no database connection became free within \(duration)"
        case .queueFull(let limit): "the queue for database connections is full (\(limit))"
        case .timedOut(let duration): "database query timed out after \(duration)"
        case .closed: "the database pool is closed"
        case .invalidParameter: "a query parameter cannot be sent"
        case .decoding(let failure): "cannot decode column \(failure.column) (type OID \(failure.type.rawValue))"
        case .unexpectedRowCount(let count): "unexpected number of rows (\(count))"
        case .configuration: "unusable database configuration"
        case .protocolViolation: "database protocol violation"
        }
    }
}

extension PostgresError: CustomDebugStringConvertible {
    public var debugDescription: String {
        switch self {
        case .server(let error): error.debugDescription
        case .unavailable(let reason): "database unavailable: \(reason)"
        case .invalidParameter(let reason): "a query parameter cannot be sent: \(reason)"
        case .decoding(let failure): "\(description): \(failure.reason)"
        case .configuration(let reason): "unusable database configuration: \(reason)"
        case .protocolViolation(let reason): "database protocol violation: \(reason)"
        default: description
        }
    }
}

extension ServerError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { "database error \(sqlState)" }

    public var debugDescription: String {
        var text = "\(severity) \(sqlState): \(message)"
        let fields: [(String, String?)] = [
            ("detail", detail), ("hint", hint), ("context", context), ("schema", schema), ("table", table), ("column", column),
            ("constraint", constraint), ("position", position.map { String($0) }),
        ]
        for case (let name, let value?) in fields { text += "; \(name): \(value)" }
        return text
    }
}
