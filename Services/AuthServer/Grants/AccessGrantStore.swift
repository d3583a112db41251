import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// A grant as it stands now, with the person's role of this moment.
struct StandingGrant: Sendable {
    let grant: AccessGrant
    let role: Role
}

/// Grants, their refresh tokens and their codes, one tenant at a time. What can happen once only is decided by one statement.
struct AccessGrantStore: Sendable {
    let database: Postgres

    private static let columns = """
        g.period, g.id, g.client_id, g.account_id, g.session_id, g.grant_type, g.scopes, g.subject, g.authenticated_at, g.methods,
        g.requested_claims, g.created_at, g.expires_at, g.pairwise_session
        """

    private static let roleColumns = "r.name, r.rank, r.permissions, r.is_built_in"

    // MARK: - Making

    /// What must be true at the moment of insertion. Whoever ends it waits for the grant and sees it, or the grant waits and is not made.
    enum Footing: Sendable {
        /// The tenant's session stands.
        case session(UUID)
        /// The password that was checked is still the account's.
        case password(PasswordMark)
    }

    /// Inserts one row, or none where the footing is gone.
    ///
    /// - Parameter refresh: the hash of the first refresh token and when it ends if it is not used, in seconds since 1970.
    static func insertion(_ grant: AccessGrant, on footing: Footing, refresh: (hash: [UInt8], expiresAt: Int64)?) -> SQL {
        """
        INSERT INTO auth.access_grant (tenant_id, period, id, client_id, account_id, session_id, grant_type, scopes, subject, authenticated_at,
                                       methods, requested_claims, created_at, expires_at, pairwise_session, refresh_hash, refresh_expires_at)
        SELECT \(grant.tenantID.rawValue), \(grant.id.period), \(grant.id.id), \(grant.clientID.rawValue), \(grant.accountID.rawValue),
               \(grant.sessionID), \(grant.type.rawValue), \(grant.scopes.description), \(grant.subject), \(date(grant.authenticatedAt)),
               \(grant.methods), \(grant.requestedClaims), \(date(grant.createdAt)), \(date(grant.expiresAt)), \(grant.pairwiseSession),
               \(refresh?.hash), \(refresh.map { date($0.expiresAt) })
        \(condition(footing, grant))
        """
    }

    private static func condition(_ footing: Footing, _ grant: AccessGrant) -> SQL {
        switch footing {
        case .session(let id):
            """
              FROM auth.tenant_session AS s
             WHERE s.tenant_id = \(grant.tenantID.rawValue) AND s.id = \(id) AND s.ended_at IS NULL
               FOR SHARE
            """
        case .password(let mark):
            """
              FROM auth.account AS a
             WHERE a.id = \(grant.accountID.rawValue) AND a.disabled_at IS NULL AND \(mark.stands)
               FOR SHARE
            """
        }
    }

    static func insertion(
        _ code: OpaqueSecret, expiresAt: Int64, for grant: AccessGrant, redirectURI: String, mustNameURI: Bool, codeChallenge: String,
        nonce: String?
    )
        -> SQL
    {
        """
        INSERT INTO auth.authorization_code (tenant_id, period, code_hash, grant_period, grant_id, client_id, redirect_uri, must_name_uri,
                                             code_challenge, nonce,
                                             created_at, expires_at)
        VALUES (\(grant.tenantID.rawValue), \(Period.short(expiresAt)), \(code.hash), \(grant.id.period), \(grant.id.id),
                \(grant.clientID.rawValue), \(redirectURI), \(mustNameURI), \(codeChallenge), \(nonce), \(date(grant.createdAt)), \(date(expiresAt)))
        """
    }

    func write(_ statements: [SQL], in tenant: TenantID) async throws {
        _ = try await database.batch(statements, settings: .tenant(tenant.rawValue))
    }

    /// Inserts a grant and what goes with it.
    /// - Parameter remembered: the consent of earlier that the grant rests on.
    /// - Returns: false, with nothing written, where the footing is gone.
    /// - Throws: ``ConsentWithdrawn``.
    func insert(
        _ grant: AccessGrant, on footing: Footing, remembered: ScopeSet? = nil, refresh: (hash: [UInt8], expiresAt: Int64)?, also: [SQL]
    ) async throws -> Bool {
        try await database.withTransaction(settings: .account(grant.accountID, in: grant.tenantID)) { transaction in
            if let remembered {
                let hold = ConsentStore.hold(remembered, grant.accountID, grant.clientID, in: grant.tenantID)
                guard try await transaction.queryOptional(hold, { try $0.decode(Bool.self) }) != nil else { throw ConsentWithdrawn() }
            }
            guard try await transaction.execute(Self.insertion(grant, on: footing, refresh: refresh)) == 1 else { return false }
            _ = try await transaction.batch(also)
            return true
        }
    }

    // MARK: - Spending

    /// Spends a code once and lets the grant's first refresh token begin. No row: unknown, expired, spent, another client's, another
    /// redirect URI, a verifier that does not fit, or a person who may no longer.
    func redeem(
        _ code: AuthorizationCode, for client: ClientID, redirectURI: String?, codeChallenge: String,
        refresh: (hash: [UInt8], expiresAt: Int64)?,
        in tenant: TenantID, now: Int64
    ) async throws -> (standing: StandingGrant, nonce: String?)? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            WITH spent AS (
                UPDATE auth.authorization_code
                   SET consumed_at = \(Self.date(now))
                 WHERE tenant_id = \(tenant.rawValue) AND period = \(code.period) AND code_hash = \(code.secret.hash)
                   AND grant_period = \(code.grant.period) AND grant_id = \(code.grant.id)
                   AND client_id = \(client.rawValue) AND code_challenge = \(codeChallenge)
                   AND (redirect_uri = \(redirectURI) OR \(redirectURI)::text IS NULL AND NOT must_name_uri)
                   AND consumed_at IS NULL AND expires_at > \(Self.date(now))
                RETURNING nonce
            )
            UPDATE auth.access_grant AS g
               SET refresh_hash = \(refresh?.hash), refreshed_at = \(Self.date(now)),
                   refresh_expires_at = least(g.expires_at, \(refresh.map { Self.date($0.expiresAt) }))
              FROM spent, auth.membership AS m
              JOIN auth.role AS r ON r.tenant_id = m.tenant_id AND r.name = m.role_name
             WHERE g.tenant_id = \(tenant.rawValue) AND g.period = \(code.grant.period) AND g.id = \(code.grant.id)
               AND g.revoked_at IS NULL
               AND m.tenant_id = g.tenant_id AND m.account_id = g.account_id AND m.disabled_at IS NULL
            RETURNING \(unescaped: Self.columns), \(unescaped: Self.roleColumns), spent.nonce
            """
        ) { row in
            (try Self.standing(row, tenant), try row.decode(String?.self, column: 18))
        }
    }

    /// Whether the code was this client's and has been spent.
    func isSpent(_ code: AuthorizationCode, by client: ClientID, in tenant: TenantID) async throws -> Bool {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT consumed_at IS NOT NULL
              FROM auth.authorization_code
             WHERE tenant_id = \(tenant.rawValue) AND period = \(code.period) AND code_hash = \(code.secret.hash)
               AND grant_id = \(code.grant.id) AND client_id = \(client.rawValue)
            """
        ) { try $0.decode(Bool.self) } ?? false
    }

    private static let rotation = SQLStatement(
        """
        UPDATE auth.access_grant AS g
           SET refresh_previous_hash = g.refresh_hash, refresh_hash = $5, refresh_generation = g.refresh_generation + 1,
               refreshed_at = $6, refresh_expires_at = least(g.expires_at, $7)
          FROM auth.membership AS m
          JOIN auth.role AS r ON r.tenant_id = m.tenant_id AND r.name = m.role_name
         WHERE g.tenant_id = $1 AND g.period = $2 AND g.id = $3 AND g.refresh_hash = $4 AND g.client_id = $8
           AND g.revoked_at IS NULL AND g.expires_at > $6 AND g.refresh_expires_at > $6
           AND m.tenant_id = $1 AND m.account_id = g.account_id AND m.disabled_at IS NULL
        RETURNING \(columns), \(roleColumns)
        """,
        parameterTypes: [.uuid, .int4, .uuid, .bytea, .bytea, .timestamptz, .timestamptz, .text]
    )

    /// Replaces the good refresh token by its successor. No row: unknown, spent, expired, revoked, another client's, or a person who may
    /// no longer. Takes the lock that a revocation takes, and sees what that wrote.
    func rotate(
        _ token: RefreshToken, to successor: OpaqueSecret, idleUntil: Int64, for client: ClientID, in tenant: TenantID, now: Int64
    ) async throws -> StandingGrant? {
        let sql = SQL(
            Self.rotation,
            [
                tenant.rawValue.sqlParameter, token.grant.period.sqlParameter, token.grant.id.sqlParameter, token.secret.hash.sqlParameter,
                successor.hash.sqlParameter, Self.date(now).sqlParameter, Self.date(idleUntil).sqlParameter, client.rawValue.sqlParameter,
            ]
        )
        return try await database.withTenant(tenant.rawValue).queryOptional(sql) { try Self.standing($0, tenant) }
    }

    // MARK: - Looking

    /// What is known of a grant's refresh tokens.
    struct RefreshState: Sendable {
        /// Nil where the person may no longer act in the tenant.
        let standing: StandingGrant?
        let clientID: ClientID
        let accountID: AccountID
        let hash: [UInt8]?
        let previousHash: [UInt8]?
        let generation: Int
        /// Seconds since 1970.
        let refreshedAt: Int64
        /// Neither revoked nor expired.
        let isAlive: Bool
    }

    func refreshState(of grant: GrantID, in tenant: TenantID, now: Int64) async throws -> RefreshState? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT \(unescaped: Self.columns), r.name, r.rank, r.permissions, r.is_built_in, g.refresh_hash, g.refresh_previous_hash,
                   g.refresh_generation, coalesce(g.refreshed_at, g.created_at),
                   g.revoked_at IS NULL AND g.expires_at > \(Self.date(now)) AND g.refresh_expires_at > \(Self.date(now))
              FROM auth.access_grant AS g
              LEFT JOIN auth.membership AS m ON m.tenant_id = g.tenant_id AND m.account_id = g.account_id AND m.disabled_at IS NULL
              LEFT JOIN auth.role AS r ON r.tenant_id = m.tenant_id AND r.name = m.role_name
             WHERE g.tenant_id = \(tenant.rawValue) AND g.period = \(grant.period) AND g.id = \(grant.id)
            """
        ) { row in
            let found = try Self.grant(row, tenant)
            let role = try Self.role(row)
            return RefreshState(
                standing: role.map { StandingGrant(grant: found, role: $0) },
                clientID: found.clientID,
                accountID: found.accountID,
                hash: try row.decode([UInt8]?.self, column: 18),
                previousHash: try row.decode([UInt8]?.self, column: 19),
                generation: Int(try row.decode(Int32.self, column: 20)),
                refreshedAt: Self.seconds(try row.decode(Date.self, column: 21)),
                isAlive: try row.decode(Bool?.self, column: 22) ?? false
            )
        }
    }

    /// A grant, whatever has become of it.
    func find(_ id: GrantID, in tenant: TenantID) async throws -> AccessGrant? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT \(unescaped: Self.columns)
              FROM auth.access_grant AS g
             WHERE g.tenant_id = \(tenant.rawValue) AND g.period = \(id.period) AND g.id = \(id.id)
            """
        ) { try Self.grant($0, tenant) }
    }

    /// Whether the grant stands. Waits for a revocation that is under way.
    func isAlive(_ id: GrantID, in tenant: TenantID) async throws -> Bool {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT true
              FROM auth.access_grant
             WHERE tenant_id = \(tenant.rawValue) AND period = \(id.period) AND id = \(id.id) AND revoked_at IS NULL
               FOR SHARE
            """
        ) { try $0.decode(Bool.self) } ?? false
    }

    // MARK: - Rows

    private static func standing(_ row: Row, _ tenant: TenantID) throws -> StandingGrant {
        guard let role = try role(row) else { throw StoredDataError("auth.membership: a member without a role") }
        return StandingGrant(grant: try grant(row, tenant), role: role)
    }

    private static func grant(_ row: Row, _ tenant: TenantID) throws -> AccessGrant {
        let id = GrantID(period: try row.decode(Int32.self, column: 0), id: try row.decode(UUID.self, column: 1))
        guard let client = ClientID(try row.decode(String.self, column: 2)),
            let type = GrantType(rawValue: try row.decode(String.self, column: 5))
        else { throw StoredDataError("auth.access_grant \(id): unusable client_id or grant_type") }
        return AccessGrant(
            id: id,
            tenantID: tenant,
            clientID: client,
            accountID: AccountID(try row.decode(UUID.self, column: 3)),
            sessionID: try row.decode(UUID?.self, column: 4),
            type: type,
            scopes: try ScopeSet(parsing: row.decode(String.self, column: 6)),
            subject: try row.decode(String.self, column: 7),
            pairwiseSession: try row.decode(String?.self, column: 13),
            authenticatedAt: seconds(try row.decode(Date.self, column: 8)),
            methods: try row.decode([String].self, column: 9),
            requestedClaims: try row.decode(String?.self, column: 10),
            createdAt: seconds(try row.decode(Date.self, column: 11)),
            expiresAt: seconds(try row.decode(Date.self, column: 12))
        )
    }

    /// Columns 14 to 17.
    private static func role(_ row: Row) throws -> Role? {
        guard let name = try row.decode(String?.self, column: 14) else { return nil }
        return Role(
            name: name, rank: Int(try row.decode(Int32.self, column: 15)), permissions: try row.decode([String].self, column: 16),
            isBuiltIn: try row.decode(Bool.self, column: 17)
        )
    }

    private static func date(_ seconds: Int64) -> Date { Date(timeIntervalSince1970: Double(seconds)) }

    private static func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970.rounded(.down)) }
}
