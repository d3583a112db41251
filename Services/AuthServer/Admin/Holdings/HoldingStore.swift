import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// A person's sign-in to a tenant in one browser, as administrators see it.
struct HeldSession: Sendable, Hashable {
    let id: UUID
    let period: Int32
    let account: AccountID
    let userAgent: String
    let address: String
    /// Seconds since 1970.
    let createdAt: Int64
    let lastSeenAt: Int64
    let expiresAt: Int64
    let endedAt: Int64?
}

/// A grant, as administrators see it.
struct GrantEntry: Sendable, Hashable {
    let id: GrantID
    let client: String
    let account: AccountID
    let session: UUID?
    let type: String
    let scopes: String
    /// Seconds since 1970.
    let createdAt: Int64
    let expiresAt: Int64
    let refreshedAt: Int64?
    let hasRefreshToken: Bool
    let revokedAt: Int64?
}

/// What people and clients of a tenant hold: sessions and grants, from which all their tokens are born.
struct HoldingStore: Sendable {
    let database: Postgres

    /// Whose holdings.
    enum Holder: Sendable, Hashable {
        case anybody
        case account(AccountID)
        case client(String)
    }

    /// Where a page goes on: behind the row of this partition and id.
    struct Position: Sendable, Hashable {
        let period: Int32
        let id: UUID
    }

    /// Those that are neither ended nor expired. Ordered by partition and id.
    func sessions(of account: AccountID?, in tenant: TenantID, after: Position?, limit: Int, now: Int64) async throws -> [HeldSession] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            \(Self.sessionSelection)
             WHERE tenant_id = \(tenant.rawValue) AND ended_at IS NULL AND expires_at > \(Self.date(now))
               AND (\(account?.rawValue) IS NULL OR account_id = \(account?.rawValue))
               AND (\(after?.period) IS NULL OR (period, id) > (\(after?.period), \(after?.id)))
             ORDER BY period, id
             LIMIT \(limit)
            """,
            Self.session
        )
    }

    /// Those that are neither revoked nor expired. Ordered by partition and id.
    func grants(of holder: Holder, in tenant: TenantID, after: Position?, limit: Int, now: Int64) async throws -> [GrantEntry] {
        let condition: SQL =
            switch holder {
            case .anybody: ""
            case .account(let account): "AND account_id = \(account.rawValue)"
            case .client(let client): "AND client_id = \(client)"
            }
        return try await database.withTenant(tenant.rawValue).queryAll(
            """
            \(Self.grantSelection)
             WHERE tenant_id = \(tenant.rawValue) AND revoked_at IS NULL AND expires_at > \(Self.date(now)) \(condition)
               AND (\(after?.period) IS NULL OR (period, id) > (\(after?.period), \(after?.id)))
             ORDER BY period, id
             LIMIT \(limit)
            """,
            Self.grant
        )
    }

    /// - Parameter now: a holding lives in one of the partitions that have not ended, each looked into by its key.
    static func session(_ id: UUID, in tenant: TenantID, _ executor: some SQLExecutor, now: Int64) async throws -> HeldSession? {
        try await executor.queryAll(
            "\(sessionSelection) WHERE tenant_id = \(tenant.rawValue) AND period = ANY (\(Period.longAlive(at: now))) AND id = \(id)",
            session
        ).first
    }

    static func grant(_ id: GrantID, in tenant: TenantID, _ executor: some SQLExecutor) async throws -> GrantEntry? {
        try await executor.queryOptional(
            "\(grantSelection) WHERE tenant_id = \(tenant.rawValue) AND period = \(id.period) AND id = \(id.id)", grant)
    }

    private static let sessionSelection: SQL = """
        SELECT id, period, account_id, user_agent, address, created_at, last_seen_at, expires_at, ended_at FROM auth.tenant_session
        """

    private static let grantSelection: SQL = """
        SELECT id, period, client_id, account_id, session_id, grant_type, scopes, created_at, expires_at, refreshed_at,
               refresh_hash IS NOT NULL, revoked_at
          FROM auth.access_grant
        """

    private static func session(_ row: Row) throws -> HeldSession {
        let (id, period, account, agent, address, created, seen, expires, ended) = try row.decode(
            UUID.self, Int32.self, UUID.self, String.self, String.self, Date.self, Date.self, Date.self, Date?.self)
        return HeldSession(
            id: id, period: period, account: AccountID(account), userAgent: agent, address: address, createdAt: seconds(created),
            lastSeenAt: seconds(seen), expiresAt: seconds(expires), endedAt: ended.map(seconds))
    }

    private static func grant(_ row: Row) throws -> GrantEntry {
        let (id, period, client, account, session, type, scopes, created, expires, refreshed, hasRefresh, revoked) = try row.decode(
            UUID.self, Int32.self, String.self, UUID.self, UUID?.self, String.self, String.self, Date.self, Date.self, Date?.self,
            Bool.self, Date?.self)
        return GrantEntry(
            id: GrantID(period: period, id: id), client: client, account: AccountID(account), session: session, type: type, scopes: scopes,
            createdAt: seconds(created), expiresAt: seconds(expires), refreshedAt: refreshed.map(seconds), hasRefreshToken: hasRefresh,
            revokedAt: revoked.map(seconds))
    }

    private static func date(_ seconds: Int64) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
    private static func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970) }
}

extension Period {
    /// The long periods in which something that has not expired can be: `auth.maintain_partitions()` makes no others.
    static func longAlive(at now: Int64) -> [Int32] {
        let today = long(now)
        return Array(today - 1...today + 14)
    }
}
