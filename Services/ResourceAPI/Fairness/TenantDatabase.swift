import OAuth
import Postgres

/// The database as tenants share it: statements take turns, slow ones run apart from quick ones, and each keeps its role's limits.
struct TenantDatabase: Sendable {
    let postgres: Postgres
    private let speeds = StatementSpeeds()
    private let ceiling = CostCeiling()
    private let quick: TenantTurns
    private let slow: TenantTurns
    private let limits: RoleLimitTable

    /// - Parameter concurrency: statements of one tenant under way at once.
    init(_ postgres: Postgres, configuration: PostgresConfiguration, concurrency: Int? = nil, limits: RoleLimitTable = .unlimited) {
        self.postgres = postgres
        self.limits = limits
        let pool = configuration.poolSize
        let total = pool * configuration.maximumPipelineDepth
        quick = TenantTurns(.init(total: total, tenant: concurrency ?? Self.defaultConcurrency(configuration)))
        // Half of the connections are always there for what is quick, and no tenant has more than half of the other half.
        slow = TenantTurns(.init(total: max(1, pool / 2), tenant: max(1, pool / 4)))
    }

    /// Nearly all there is, so that a tenant alone loses nothing; what is left lets others in at once.
    static func defaultConcurrency(_ configuration: PostgresConfiguration) -> Int {
        let total = configuration.poolSize * configuration.maximumPipelineDepth
        return max(1, total - total / 8)
    }

    /// The limits of a caller's role.
    func limits(of caller: Caller) -> RoleLimits { limits[caller.role] }

    /// Runs one statement in a transaction of its own when it is its tenant's turn.
    ///
    /// - Parameters:
    ///   - settings: the caller's, with what the request adds.
    ///   - timeout: for running; the role's own counts too.
    /// - Throws: `PostgresError`; `APIError` 503 `PGRST003` when too much waits, 400 `54001` beyond the role's cost ceiling; `CancellationError`.
    func query(_ sql: SQL, for caller: Caller, settings: TransactionSettings, timeout: Duration? = nil) async throws -> QueryResult {
        let limits = limits[caller.role]
        if let maximum = limits.maximumCost, !ceiling.isKnown(sql.statement, role: caller.role) {
            try await turn(.slow, caller) {
                try await ceiling.check(sql, role: caller.role, maximum: maximum, settings: settings, on: postgres)
            }
        }
        let (tenant, statement) = (caller.claims.tenantID, sql.statement)
        let speed = speeds.speed(of: statement, for: tenant)
        let lane = speeds.lane(speed)
        return try await turn(lane, caller) {
            // Another of its kind may have been found slow while this one waited.
            let isAlone = lane == .slow || speeds.lane(speed) == .slow
            let start = ContinuousClock.now
            var service: Int64?
            // What was given up took at least so long, as far as is known.
            defer { speeds.note(service ?? start.duration(to: .now).nanoseconds, speed, of: statement, for: tenant) }
            return try await postgres.query(
                sql, settings: settings, timeout: Self.shorter(timeout, limits.statementTimeout), isAlone: isAlone, service: &service)
        }
    }

    /// Runs `body`, which holds a connection for itself, when it is its tenant's turn: transactions, exports, imports.
    func alone<R>(for caller: Caller, _ body: (Postgres) async throws -> R) async throws -> R {
        try await turn(.slow, caller) { try await body(postgres) }
    }

    private func turn<R>(_ lane: StatementSpeeds.Lane, _ caller: Caller, _ body: () async throws -> R) async throws -> R {
        do {
            return try await (lane == .slow ? slow : quick).take(caller.claims.tenantID, body)
        } catch is TenantTurns.Overload {
            throw APIError(503, "PGRST003", "Too many requests of the tenant are waiting for the database", retryAfter: 1)
        }
    }

    private static func shorter(_ one: Duration?, _ other: Duration?) -> Duration? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }
}

extension Caller {
    /// As `sallyport.role()` shows it.
    var role: String { claims.roles.first ?? "" }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
