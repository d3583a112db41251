import Postgres

/// The database as tenants share it: statements take turns, slow ones run apart from quick ones, and each keeps its role's limits.
///
/// Whose a statement is, its settings say.
struct TenantDatabase: Sendable {
    let postgres: Postgres
    fileprivate let speeds = StatementSpeeds()
    fileprivate let ceiling = CostCeiling()
    fileprivate let limits: RoleLimitTable
    private let quick: TenantTurns
    private let slow: TenantTurns
    private let streams: TenantTurns

    /// - Parameters:
    ///   - concurrency: statements of one tenant under way at once.
    ///   - streams: exports and imports under way at once, of all tenants; no tenant has more than half of them.
    init(_ postgres: Postgres, concurrency: Int? = nil, streams: Int = 4, limits: RoleLimitTable = .unlimited) {
        self.postgres = postgres
        self.limits = limits
        let configuration = postgres.configuration
        let pool = configuration.poolSize
        quick = TenantTurns(
            .init(
                total: Self.places(configuration), tenant: concurrency ?? Self.defaultConcurrency(configuration), target: .milliseconds(400)
            ))
        // Half of the connections are always there for what is quick, and no tenant has more than half of the other half.
        slow = TenantTurns(.init(total: max(1, pool / 2), tenant: max(1, pool / 4)))
        self.streams = TenantTurns(.init(total: streams, tenant: max(1, streams / 2), waiting: 64, tenantWaiting: 8))
    }

    /// Nearly all there is, so that a tenant alone loses nothing; what is left lets others in at once.
    static func defaultConcurrency(_ configuration: PostgresConfiguration) -> Int {
        let places = places(configuration)
        return max(1, places - places / 8)
    }

    /// Statements that the pool has at once: what is in flight, and a line behind it that is short enough for whoever comes next.
    private static func places(_ configuration: PostgresConfiguration) -> Int { configuration.poolSize * 8 }

    /// Statements under way and waiting for their tenant's turn, by lane, for metrics.
    var load: [(lane: String, running: Int, waiting: Int)] {
        [("quick", quick), ("slow", slow), ("stream", streams)].map { ($0.0, $0.1.running, $0.1.waiting) }
    }

    /// Whether a quick statement of the tenant, as nearly all are, would not be refused now.
    func hasRoom(for tenant: String) -> Bool { quick.hasRoom(for: tenant) }

    /// The limits of the settings' role.
    func limits(of settings: TransactionSettings) -> RoleLimits { limits[settings.role] }

    /// Where a request's statements run, each in a transaction of its own when it is its tenant's turn.
    ///
    /// - Parameter settings: the caller's, with what the request adds.
    func with(_ settings: TransactionSettings) -> TenantSession {
        TenantSession(database: self, settings: settings)
    }

    /// Runs `body` in an interactive transaction, which holds a connection for itself, when it is the tenant's turn. Whatever it leaves behind in
    /// the session is taken away.
    ///
    /// - Throws: as ``TenantSession`` does, and what `body` throws.
    func withTransaction<R>(settings: TransactionSettings, _ body: (Transaction) async throws -> R) async throws -> R {
        let settings = settings.resettingSession()
        return try await turn(.slow, of: settings.tenant) { _ in try await postgres.withTransaction(settings: settings, body) }
    }

    /// A place among exports and imports, held until the object is gone.
    ///
    /// - Throws: 503 `PGRST003`; `CancellationError`.
    func streamPlace(of tenant: String) async throws -> TenantTurns.Place {
        try await telling { try await streams.hold(tenant) }
    }

    /// - Parameter body: told whether there is room for it on a connection of its own.
    fileprivate func turn<R>(_ lane: StatementSpeeds.Lane, of tenant: String, _ body: (Bool) async throws -> R) async throws -> R {
        try await telling {
            if lane == .slow { return try await slow.take(tenant) { try await body(true) } }
            guard lane == .untried, let place = slow.holdAtOnce(tenant) else {
                return try await quick.take(tenant) { try await body(false) }
            }
            defer { withExtendedLifetime(place) {} }
            return try await body(true)
        }
    }

    private func telling<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch is TenantTurns.Overload {
            throw APIError(503, "PGRST003", "Too many requests of the tenant are waiting for the database", retryAfter: 1)
        }
    }

    /// How long a statement of the settings' role may take; nil: as long as any.
    func statementTimeout(_ settings: TransactionSettings) -> Duration? { limits[settings.role].statementTimeout }

    /// - Throws: 400 `54001` beyond the ceiling of the settings' role.
    func checkCost(_ sql: SQL, _ settings: TransactionSettings) async throws {
        guard let maximum = limits[settings.role].maximumCost, !ceiling.isKnown(sql.statement, settings) else { return }
        try await turn(.slow, of: settings.tenant) { _ in
            try await ceiling.check(sql, maximum: maximum, settings: settings, in: postgres.with(settings))
        }
    }

    /// As ``checkCost(_:_:)``, on the connection of a transaction, which has had its turn.
    func checkCost(_ sql: SQL, _ settings: TransactionSettings, in transaction: Transaction) async throws {
        guard let maximum = limits[settings.role].maximumCost, !ceiling.isKnown(sql.statement, settings) else { return }
        try await ceiling.check(sql, maximum: maximum, settings: settings, in: transaction)
    }

    /// Takes note of a statement that took a while inside a transaction.
    func note(_ duration: Duration, _ statement: SQLStatement, _ settings: TransactionSettings) {
        if limits[settings.role].maximumCost != nil { ceiling.note(duration.nanoseconds, statement, settings) }
    }
}

/// Throws `PostgresError`; `APIError` 503 `PGRST003` when too much waits, 400 `54001` beyond the role's cost ceiling; `CancellationError`.
struct TenantSession: SQLExecutor {
    fileprivate let database: TenantDatabase
    fileprivate let settings: TransactionSettings

    func query(_ sql: SQL, timeout: Duration?) async throws -> QueryResult {
        guard let result = try await batch([sql], timeout: timeout).first else { throw PostgresError.unexpectedRowCount(0) }
        return result
    }

    func batch(_ statements: [SQL], timeout: Duration?) async throws -> [QueryResult] {
        guard let last = statements.last else { return [] }
        let (tenant, statement) = (settings.tenant, last.statement)
        let limits = database.limits(of: settings)
        if limits.maximumCost != nil { try await database.checkCost(last, settings) }
        let speed = database.speeds.speed(of: statement, for: tenant)
        return try await database.turn(database.speeds.lane(speed), of: tenant) { hasRoom in
            // Another of its kind may have been found slow while this one waited.
            let isAlone = hasRoom || database.speeds.lane(speed) == .slow
            let start = ContinuousClock.now
            var service: Int64?
            // What was given up took at least so long, as far as is known.
            defer {
                let service = service ?? start.duration(to: .now).nanoseconds
                database.speeds.note(service, speed, of: statement, for: tenant)
                if limits.maximumCost != nil { database.ceiling.note(service, statement, settings) }
            }
            return try await database.postgres.batch(
                statements, settings: settings, timeout: Self.shorter(timeout, limits.statementTimeout), isAlone: isAlone, service: &service
            )
        }
    }

    private static func shorter(_ one: Duration?, _ other: Duration?) -> Duration? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }
}

extension TransactionSettings {
    /// The tenant's id; empty where there is none, which sees no row.
    var tenant: String { self[TransactionSettings.tenantSettingName] }

    /// As `sallyport.role()` shows it.
    var role: String { self[Caller.roleSettingName] }

    private subscript(name: String) -> String { settings.first { $0.name == name }?.value ?? "" }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
