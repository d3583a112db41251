public import FoundationEssentials

/// The pool as one tenant sees it: every request carries the tenant's settings.
public struct TenantScope: SQLExecutor {
    private let pool: Postgres
    public let settings: TransactionSettings

    init(pool: Postgres, settings: TransactionSettings) {
        self.pool = pool
        self.settings = settings
    }

    nonisolated(nonsending) public func query(_ sql: SQL, timeout: Duration?) async throws -> QueryResult {
        try await pool.query(sql, settings: settings, timeout: timeout)
    }

    nonisolated(nonsending) public func batch(_ statements: [SQL], timeout: Duration?) async throws -> [QueryResult] {
        try await pool.batch(statements, settings: settings, timeout: timeout)
    }

    /// An interactive transaction of the tenant.
    nonisolated(nonsending) public func withTransaction<R>(_ body: (Transaction) async throws -> R) async throws -> R {
        try await pool.withTransaction(settings: settings, body)
    }
}

extension Postgres {
    /// The pool with the tenant set for every request.
    public func withTenant(_ tenant: UUID) -> TenantScope {
        TenantScope(pool: self, settings: .tenant(tenant))
    }

    /// The pool with these settings for every request.
    public func with(_ settings: TransactionSettings) -> TenantScope {
        TenantScope(pool: self, settings: settings)
    }

    /// An interactive transaction of the tenant.
    nonisolated(nonsending) public func withTenant<R>(_ tenant: UUID, _ body: (Transaction) async throws -> R) async throws -> R {
        try await withTransaction(settings: .tenant(tenant), body)
    }
}
