/// How to reach PostgreSQL and how much of it to use.
public struct PostgresConfiguration: Sendable {
    /// A libpq connection string or URI, passed through as it is: several hosts, `target_session_attrs`, `sslmode`, `passfile`, …
    /// It may hold a password, so it is never logged or put into an error.
    public var connectionString: String
    /// A file that holds the password alone, read for each connection anew, so that it may change while connections are open. Unlike
    /// libpq's `passfile` it may be readable by others: mounted secrets often are. Nil: whatever the connection string says.
    public var passwordFile: String? = nil
    /// The most connections open at once. The first opens at start, the others on demand.
    public var poolSize = 10
    /// Connections kept open when idle.
    public var minimumConnections = 1
    /// Requests in flight on one connection at most.
    public var maximumPipelineDepth = 4
    /// Requests waiting for a connection at most; one more fails with `.queueFull`.
    public var maximumQueueLength = 10_000
    /// How long a request waits for a connection before it fails with `.acquisitionTimedOut`.
    public var acquisitionTimeout: Duration = .seconds(5)
    /// How long requests wait for a server that refuses connections before they fail with `.unavailable`: long enough for a
    /// restart to pass unnoticed.
    public var unavailableAfter: Duration = .seconds(3)
    /// The session's `statement_timeout`; zero turns it off. A connection on which a statement stays unanswered for 10 seconds
    /// longer counts as dead.
    public var statementTimeout: Duration = .seconds(30)
    /// Idle connections beyond the minimum are closed after this time.
    public var idleLifetime: Duration = .seconds(60)
    /// A connection this old takes no new requests and is closed when idle. Nil: no limit.
    public var maximumLifetime: Duration? = nil
    /// For each host, unless the connection string sets `connect_timeout`.
    public var connectTimeout: Duration = .seconds(5)
    /// Prepared statements kept per connection; the least recently used goes first.
    public var preparedStatementLimit = 256
    /// Threads that drive the connections.
    public var driverThreads = 1
    /// Shown in `pg_stat_activity`, unless the connection string has its own.
    public var applicationName = "sallyport"

    public init(connectionString: String) {
        self.connectionString = connectionString
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { "PostgresConfiguration(poolSize: \(poolSize), applicationName: \(applicationName))" }
    public var debugDescription: String { description }
}

extension PostgresConfiguration: CustomReflectable {
    /// Without the connection string, so that `dump` does not show it either.
    public var customMirror: Mirror { Mirror(self, children: ["poolSize": poolSize, "applicationName": applicationName]) }
}
