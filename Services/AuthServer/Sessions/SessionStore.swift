import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// Sessions of browsers, seen as the account, and of tenants, seen inside the tenant.
struct SessionStore: Sendable {
    let database: Postgres

    /// A session as it is found by its token.
    struct Found: Sendable {
        let session: BrowserSession
        let account: Account
        let lastSeenAt: Int64
    }

    /// A tenant's part in a browser's session.
    struct TenantPart: Sendable {
        let id: UUID
        let lastSeenAt: Int64
        let expiresAt: Int64
        let isEnded: Bool
    }

    // MARK: - Browsers

    /// The living session with this token, in one round trip.
    func find(_ secret: OpaqueSecret, period: Int32, now: Int64) async throws -> Found? {
        let hash = secret.hash
        let results = try await database.batch([
            """
            SELECT set_config(\(TransactionSettings.accountSettingName), coalesce(auth.account_of_session(\(period), \(hash))::text, ''), true)
            """,
            """
            SELECT \(AccountRow.columns), session.id, session.authenticated_at, session.methods, session.expires_at, session.last_seen_at
              FROM auth.session
              JOIN auth.account ON account.id = session.account_id
             WHERE session.period = \(period) AND session.token_hash = \(hash) AND session.ended_at IS NULL
               AND session.expires_at > \(AccountRow.date(now))
            """,
        ])
        return try results.last?.first.map { try Self.found($0, period) }
    }

    private static func found(_ row: Row, _ period: Int32) throws -> Found {
        let account = try AccountRow.account(row, from: 0)
        let first = AccountRow.width
        let session = BrowserSession(
            id: try row.decode(UUID.self, column: first), period: period, account: account.id,
            authenticatedAt: AccountRow.seconds(try row.decode(Date.self, column: first + 1)),
            methods: try row.decode([String].self, column: first + 2),
            expiresAt: AccountRow.seconds(try row.decode(Date.self, column: first + 3))
        )
        return Found(session: session, account: account, lastSeenAt: AccountRow.seconds(try row.decode(Date.self, column: first + 4)))
    }

    func touch(_ session: BrowserSession, now: Int64) async throws {
        _ = try await database.with(.account(session.account)).query(
            """
            UPDATE auth.session SET last_seen_at = \(AccountRow.date(now))
             WHERE period = \(session.period) AND id = \(session.id) AND ended_at IS NULL
            """
        )
    }

    /// Inserts one row, or none for an account that is disabled or has another password. To be run as the account; whoever changes it
    /// waits for the session and ends it, or the session waits and does not begin.
    ///
    /// - Parameter old: a session of the account that must live.
    static func insertion(
        _ session: BrowserSession, _ secret: OpaqueSecret, _ origin: RequestOrigin, while mark: PasswordMark, after old: UUID?, now: Int64
    ) -> SQL {
        let (authenticated, moment) = (AccountRow.date(session.authenticatedAt), AccountRow.date(now))
        let condition: SQL =
            old.map {
                "AND EXISTS (SELECT FROM auth.session AS s WHERE s.account_id = account.id AND s.id = \($0) AND s.ended_at IS NULL)"
            } ?? ""
        return """
            INSERT INTO auth.session (period, id, account_id, token_hash, authenticated_at, methods, user_agent, address, created_at,
                                      last_seen_at, expires_at)
            SELECT \(session.period), \(session.id), account.id, \(secret.hash), \(authenticated), \(session.methods),
                   \(origin.userAgent), \(origin.address), \(moment), \(moment), \(AccountRow.date(session.expiresAt))
              FROM auth.account
             WHERE account.id = \(session.account.rawValue) AND account.disabled_at IS NULL AND \(mark.stands)
               \(condition)
               FOR SHARE OF account
            """
    }

    func living(of account: AccountID, now: Int64) async throws -> [LivingSession] {
        try await database.with(.account(account)).queryAll(
            """
            SELECT id, account_id, user_agent, address, created_at, last_seen_at, expires_at
              FROM auth.session
             WHERE account_id = \(account.rawValue) AND ended_at IS NULL AND expires_at > \(AccountRow.date(now))
             ORDER BY last_seen_at DESC, id
            """,
            Self.entry
        )
    }

    /// Ends a browser's session. To be run as the account.
    /// - Returns: its period; nil where it has ended already, or is not the account's.
    static func end(_ session: UUID, of account: AccountID, now: Int64, _ transaction: Transaction) async throws -> Int32? {
        try await transaction.queryOptional(
            """
            UPDATE auth.session SET ended_at = \(AccountRow.date(now))
             WHERE account_id = \(account.rawValue) AND id = \(session) AND ended_at IS NULL
            RETURNING period
            """
        ) { try $0.decode(Int32.self) }
    }

    /// Ends every browser's session of the account. To be run as the account.
    static func endAll(of account: AccountID, now: Int64) -> SQL {
        "UPDATE auth.session SET ended_at = \(AccountRow.date(now)) WHERE account_id = \(account.rawValue) AND ended_at IS NULL"
    }

    /// Every tenant of the account, disabled ones included, always in the same order. To be run as the account.
    static func tenants(of account: AccountID, _ transaction: Transaction) async throws -> [TenantID] {
        try await transaction.queryAll(
            "SELECT tenant_id FROM auth.membership WHERE account_id = \(account.rawValue) ORDER BY tenant_id"
        ) { TenantID(try $0.decode(UUID.self)) }
    }

    /// Goes on inside another tenant in the same transaction.
    static func enter(_ tenant: TenantID) -> SQL {
        "SELECT set_config(\(TransactionSettings.tenantSettingName), \(tenant.description), true)"
    }

    // MARK: - Tenants

    func part(of session: BrowserSession, in tenant: TenantID) async throws -> TenantPart? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT id, last_seen_at, expires_at, ended_at IS NOT NULL
              FROM auth.tenant_session
             WHERE tenant_id = \(tenant.rawValue) AND period = \(session.period) AND session_id = \(session.id)
            """,
            Self.part
        )
    }

    func touch(_ part: UUID, of session: BrowserSession, in tenant: TenantID, now: Int64) async throws {
        _ = try await database.withTenant(tenant.rawValue).query(
            """
            UPDATE auth.tenant_session SET last_seen_at = \(AccountRow.date(now))
             WHERE tenant_id = \(tenant.rawValue) AND period = \(session.period) AND id = \(part) AND ended_at IS NULL
            """
        )
    }

    /// Joins a living session to the tenant, for an account and a membership that are enabled. To be run as the account in the tenant.
    ///
    /// - Returns: the new part; nil where there is one already, or may be none.
    static func join(
        _ session: BrowserSession, _ tenant: TenantID, as id: UUID, _ origin: RequestOrigin, expiresAt: Int64, now: Int64,
        _ transaction: Transaction
    ) async throws -> UUID? {
        let moment = AccountRow.date(now)
        return try await transaction.queryOptional(
            """
            INSERT INTO auth.tenant_session (tenant_id, period, id, account_id, session_id, user_agent, address, created_at, last_seen_at,
                                             expires_at)
            SELECT membership.tenant_id, session.period, \(id), session.account_id, session.id, \(origin.userAgent), \(origin.address),
                   \(moment), \(moment), \(AccountRow.date(expiresAt))
              FROM auth.session
              JOIN auth.membership ON membership.tenant_id = \(tenant.rawValue) AND membership.account_id = session.account_id
              JOIN auth.account ON account.id = session.account_id
             WHERE session.period = \(session.period) AND session.id = \(session.id) AND session.ended_at IS NULL
               AND session.expires_at > \(moment) AND membership.disabled_at IS NULL AND account.disabled_at IS NULL
            ON CONFLICT (tenant_id, period, session_id) DO NOTHING
            RETURNING id
            """
        ) { try $0.decode(UUID.self) }
    }

    /// Makes joining and ending of one person's sessions in the tenant happen one after the other.
    static func lockMembership(_ account: AccountID, in tenant: TenantID, _ transaction: Transaction) async throws {
        _ = try await transaction.query(
            """
            SELECT FROM auth.membership
             WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue)
               FOR NO KEY UPDATE
            """
        )
    }

    /// The account's living parts in the tenant but one.
    static func others(than id: UUID, of account: AccountID, in tenant: TenantID, now: Int64, _ transaction: Transaction) async throws
        -> [UUID]
    {
        try await transaction.queryAll(
            """
            SELECT id FROM auth.tenant_session
             WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue) AND id <> \(id) AND ended_at IS NULL
               AND expires_at > \(AccountRow.date(now))
             ORDER BY id
            """
        ) { try $0.decode(UUID.self) }
    }

    /// The tenant's living part in a browser's session.
    static func livingPart(of session: UUID, period: Int32, in tenant: TenantID, _ transaction: Transaction) async throws -> UUID? {
        try await transaction.queryOptional(
            """
            SELECT id FROM auth.tenant_session
             WHERE tenant_id = \(tenant.rawValue) AND period = \(period) AND session_id = \(session) AND ended_at IS NULL
               FOR UPDATE
            """
        ) { try $0.decode(UUID.self) }
    }

    /// Whose part it is, while it lives.
    static func lockPart(_ id: UUID, in tenant: TenantID, _ transaction: Transaction) async throws -> AccountID? {
        try await transaction.queryOptional(
            """
            SELECT account_id FROM auth.tenant_session
             WHERE tenant_id = \(tenant.rawValue) AND id = \(id) AND ended_at IS NULL
               FOR UPDATE
            """
        ) { AccountID(try $0.decode(UUID.self)) }
    }

    /// Hands a tenant's living part over to the session that takes the old one's place, so that its `sid` and its tokens go on.
    static func moveParts(from old: BrowserSession, to new: BrowserSession, in tenant: TenantID, now: Int64) -> SQL {
        let (authenticated, moment) = (AccountRow.date(new.authenticatedAt), AccountRow.date(now))
        return """
            UPDATE auth.tenant_session AS part
               SET period = \(new.period), session_id = \(new.id), last_seen_at = \(moment),
                   expires_at = least(\(AccountRow.date(new.expiresAt)),
                                      \(authenticated) + make_interval(secs => tenant.session_lifetime_seconds))
              FROM auth.tenant
             WHERE part.tenant_id = \(tenant.rawValue) AND part.period = \(old.period) AND part.session_id = \(old.id)
               AND part.ended_at IS NULL AND part.expires_at > \(moment)
               AND part.last_seen_at + make_interval(secs => tenant.session_idle_seconds) > \(moment)
               AND tenant.id = part.tenant_id
            """
    }

    func living(of account: AccountID, in tenant: TenantID, now: Int64) async throws -> [LivingSession] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            SELECT id, account_id, user_agent, address, created_at, last_seen_at, expires_at
              FROM auth.tenant_session
             WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue) AND ended_at IS NULL
               AND expires_at > \(AccountRow.date(now))
             ORDER BY last_seen_at DESC, id
            """,
            Self.entry
        )
    }

    private static func part(_ row: Row) throws -> TenantPart {
        let (id, lastSeenAt, expiresAt, isEnded) = try row.decode(UUID.self, Date.self, Date.self, Bool.self)
        return TenantPart(id: id, lastSeenAt: AccountRow.seconds(lastSeenAt), expiresAt: AccountRow.seconds(expiresAt), isEnded: isEnded)
    }

    private static func entry(_ row: Row) throws -> LivingSession {
        let (id, account, userAgent, address, createdAt, lastSeenAt, expiresAt) = try row.decode(
            UUID.self, UUID.self, String.self, String.self, Date.self, Date.self, Date.self
        )
        return LivingSession(
            id: id, account: AccountID(account), userAgent: userAgent, address: address, createdAt: AccountRow.seconds(createdAt),
            lastSeenAt: AccountRow.seconds(lastSeenAt), expiresAt: AccountRow.seconds(expiresAt)
        )
    }
}
