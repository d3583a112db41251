public import Postgres

extension PostgresError {
    /// Whether the cause is the database's state at the moment, so that the same request may succeed shortly: answered 503.
    public var isTransient: Bool {
        switch self {
        case .connectionLost, .unavailable, .acquisitionTimedOut, .queueFull, .timedOut, .closed: true
        case .server(let error): error.sqlState.isOperatorIntervention
        case .invalidParameter, .decoding, .unexpectedRowCount, .configuration, .protocolViolation: false
        }
    }
}

extension SQLState {
    /// Class 57: the server is shutting down, starting up, or an administrator ended the session; class 53: it lacks resources.
    fileprivate var isOperatorIntervention: Bool {
        description.hasPrefix("57P") || description.hasPrefix("53")
    }
}
