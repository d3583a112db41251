import FoundationEssentials
import Postgres
import ServiceKit
import Tenancy

/// Accounts and memberships. An account is reached from inside a tenant that it is a member of, or as itself.
struct AccountStore: Sendable {
    let database: Postgres

    init(database: Postgres) {
        self.database = database
    }

    // MARK: - Finding

    /// As the account itself.
    func find(_ id: AccountID) async throws -> Account? {
        try await database.with(.account(id)).queryOptional(
            "SELECT \(AccountRow.columns) FROM auth.account WHERE account.id = \(id.rawValue)", AccountRow.account
        )
    }

    /// A member of the tenant, disabled ones included.
    func find(_ id: AccountID, in tenant: TenantID) async throws -> Member? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "\(AccountRow.members) WHERE membership.tenant_id = \(tenant.rawValue) AND membership.account_id = \(id.rawValue)"
        ) { try AccountRow.member($0, tenant) }
    }

    /// A member of the tenant by e-mail address, whatever its case. As many statements for an address that nobody has.
    func find(email: String, in tenant: TenantID) async throws -> Member? {
        let results = try await database.batch(
            [
                Self.actAsAccount(of: email),
                """
                \(AccountRow.members)
                 WHERE membership.tenant_id = \(tenant.rawValue) AND membership.account_id = (SELECT auth.current_account())
                """,
            ],
            settings: .tenant(tenant.rawValue)
        )
        return try results.last?.first.map { try AccountRow.member($0, tenant) }
    }

    /// By e-mail address, whatever its case, and whatever tenants it is in.
    func find(email: String) async throws -> Account? {
        let results = try await database.batch([
            Self.actAsAccount(of: email),
            "SELECT \(AccountRow.columns) FROM auth.account WHERE account.id = (SELECT auth.current_account())",
        ])
        return try results.last?.first.map(AccountRow.account)
    }

    /// For the rest of the transaction: the account that has the address, or none.
    private static func actAsAccount(of email: String) -> SQL {
        "SELECT set_config(\(TransactionSettings.accountSettingName), coalesce(auth.account_of(\(email))::text, ''), true)"
    }

    /// The tenants in which the account may act: enabled ones, with an enabled membership, by slug.
    func memberships(of account: AccountID) async throws -> [(tenant: Tenant, membership: Membership)] {
        let tenants = TenantStore(database: database)
        var found: [(tenant: Tenant, membership: Membership)] = []
        for id in try await tenantsOf(account) {
            guard let tenant = try await tenants.find(.id(id)), let member = try await find(account, in: id),
                !member.membership.isDisabled
            else { continue }
            found.append((tenant, member.membership))
        }
        return found
    }

    private func tenantsOf(_ account: AccountID) async throws -> [TenantID] {
        try await database.with(.account(account)).queryAll(
            """
            SELECT membership.tenant_id
              FROM auth.membership
              JOIN auth.tenant ON tenant.id = membership.tenant_id
             WHERE membership.account_id = \(account.rawValue) AND membership.disabled_at IS NULL AND tenant.disabled_at IS NULL
             ORDER BY tenant.slug
            """
        ) { TenantID(try $0.decode(UUID.self)) }
    }

    /// Which of the addresses are somebody's, whatever their tenants.
    func taken(_ emails: [String]) async throws -> Set<String> {
        Set(
            try await database.queryAll(
                "SELECT email FROM unnest(\(emails)) AS asked (email) WHERE auth.account_of(email) IS NOT NULL"
            ) { try $0.decode(String.self) })
    }

    // MARK: - Changing

    /// - Throws: ``EmailTaken``.
    func insert(_ account: Account, memberOf: (tenant: TenantID, role: String)?, audit: AuditEvent?) async throws {
        var statements = [AccountRow.insertion(account)]
        var settings = TransactionSettings.account(account.id)
        if let (tenant, role) = memberOf {
            statements.append(AccountRow.membershipInsertion(account.id, in: tenant, role: role))
            if let audit { statements.append(audit.insertion(in: tenant)) }
            settings = .account(account.id, in: tenant)
        }
        do {
            _ = try await database.batch(statements, settings: settings)
        } catch let error as PostgresError where EmailTaken.isMeant(by: error) {
            throw EmailTaken()
        }
    }

    /// Writes address and profile.
    ///
    /// - Parameter tenant: the one that manages the account; nil: as the account itself.
    /// - Returns: false where there is no such account, or the tenant does not manage it; nothing is recorded then.
    /// - Throws: ``EmailTaken``.
    func update(_ account: Account, in tenant: TenantID?, audit: AuditEvent?) async throws -> Bool {
        let recorded = tenant.flatMap { tenant in audit.map { [$0.insertion(in: tenant)] } } ?? []
        do {
            return try await change(AccountRow.update(account), of: account.id, in: tenant, also: recorded)
        } catch let error as PostgresError where EmailTaken.isMeant(by: error) {
            throw EmailTaken()
        }
    }

    /// - Parameters:
    ///   - tenant: the one that manages the account; nil: as the account itself.
    ///   - also: run in the same transaction, if there is such an account.
    ///   - now: seconds since 1970; sessions that began before are over.
    /// - Returns: false where there is no such account, or the tenant does not manage it; nothing has run then.
    func setPassword(
        _ hash: String, of account: AccountID, mustChange: Bool, in tenant: TenantID?, also: [SQL], now: Int64 = WallClock.system.now
    ) async throws -> Bool {
        try await change(
            AccountRow.password(hash, mustChange: mustChange, of: account, now: now), of: account, in: tenant, also: also
        )
    }

    private func change(_ update: SQL, of account: AccountID, in tenant: TenantID?, also: [SQL]) async throws -> Bool {
        let settings: TransactionSettings = tenant.map { .tenant($0.rawValue) } ?? .account(account)
        return try await database.withTransaction(settings: settings) { transaction in
            guard try await transaction.query(update).affectedRows == 1 else { return false }
            _ = try await transaction.batch(also)
            return true
        }
    }

    /// Replaces a hash by a stronger one of the same password.
    ///
    /// - Returns: false where another hash is stored meanwhile; it stays.
    func upgradePasswordHash(from old: String, to new: String, of account: AccountID) async throws -> Bool {
        let result = try await database.with(.account(account)).query(
            "UPDATE auth.account SET password_hash = \(new) WHERE id = \(account.rawValue) AND password_hash = \(old)"
        )
        return result.affectedRows == 1
    }

    /// Writes a line of a tenant's audit log that no change goes with.
    func record(_ event: AuditEvent, in tenant: TenantID) async throws {
        _ = try await database.withTenant(tenant.rawValue).query(event.insertion(in: tenant))
    }
}

/// The e-mail address is another account's, in whatever tenant.
struct EmailTaken: Error, CustomStringConvertible {
    let description = "the e-mail address belongs to an account already"

    static func isMeant(by error: PostgresError) -> Bool {
        guard case .server(let report) = error else { return false }
        return report.sqlState == .uniqueViolation && report.constraint == "account_email"
    }
}
