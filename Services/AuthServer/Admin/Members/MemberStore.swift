import FoundationEssentials
import Postgres
import Tenancy

/// Somebody in a tenant, as its administrators see them.
struct Member: Sendable, Hashable {
    let account: Account
    let membership: Membership

    var id: AccountID { account.id }
    var role: Role { membership.role }

    func isManaged(by tenant: TenantID) -> Bool { account.managingTenant == tenant }
}

/// Accounts and memberships from inside one tenant.
struct MemberStore: Sendable {
    let database: Postgres

    private static let selection: SQL = """
        SELECT account.id, account.email, account.is_email_verified, account.name, account.given_name, account.family_name, account.picture,
               account.locale, account.zoneinfo, account.password_hash, account.password_changed_at, account.must_change_password,
               account.managing_tenant_id, account.created_at, account.updated_at, account.disabled_at IS NOT NULL,
               role.name, role.rank, role.permissions, role.is_built_in, membership.created_at, membership.disabled_at IS NOT NULL
          FROM auth.membership
          JOIN auth.account ON account.id = membership.account_id
          JOIN auth.role ON role.tenant_id = membership.tenant_id AND role.name = membership.role_name
        """

    /// By id, those after `after`.
    ///
    /// - Parameter search: a part of the address or the name, in whatever case.
    func page(in tenant: TenantID, after: AccountID?, limit: Int, search: String?, role: String?) async throws -> [Member] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            \(Self.selection)
             WHERE membership.tenant_id = \(tenant.rawValue)
               AND (\(after?.rawValue) IS NULL OR membership.account_id > \(after?.rawValue))
               AND (\(search) IS NULL OR position(lower(\(search)) IN lower(account.email)) > 0
                    OR position(lower(\(search)) IN lower(coalesce(account.name, ''))) > 0)
               AND (\(role) IS NULL OR membership.role_name = \(role))
             ORDER BY membership.account_id
             LIMIT \(limit)
            """
        ) { try Self.member($0, tenant) }
    }

    func find(_ account: AccountID, in tenant: TenantID) async throws -> Member? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "\(Self.selection) WHERE membership.tenant_id = \(tenant.rawValue) AND membership.account_id = \(account.rawValue)"
        ) { try Self.member($0, tenant) }
    }

    /// As they are until the transaction ends: their role and whether they are disabled.
    static func lock(_ account: AccountID, in tenant: TenantID, _ transaction: Transaction) async throws -> Member? {
        try await transaction.queryOptional(
            """
            \(selection)
             WHERE membership.tenant_id = \(tenant.rawValue) AND membership.account_id = \(account.rawValue)
               FOR UPDATE OF membership FOR SHARE OF role
            """
        ) { try member($0, tenant) }
    }

    /// To be run as the account itself, in the tenant, which manages it from then on.
    static func insertions(_ account: Account, in tenant: TenantID, role: String) -> [SQL] {
        [
            """
            INSERT INTO auth.account (id, email, is_email_verified, name, given_name, family_name, picture, locale, zoneinfo, password_hash,
                                      password_changed_at, must_change_password, managing_tenant_id)
            VALUES (\(account.id.rawValue), \(account.email), \(account.isEmailVerified), \(account.profile.name), \(account.profile.givenName),
                    \(account.profile.familyName), \(account.profile.picture), \(account.profile.locale), \(account.profile.zoneInfo),
                    \(account.passwordHash), \(date(account.passwordChangedAt)), \(account.mustChangePassword), \(tenant.rawValue))
            """,
            """
            INSERT INTO auth.membership (tenant_id, account_id, role_name)
            VALUES (\(tenant.rawValue), \(account.id.rawValue), \(role))
            """,
        ]
    }

    /// Touches no row unless the tenant manages the account.
    static func update(_ account: Account, in tenant: TenantID) -> SQL {
        """
        UPDATE auth.account
           SET email = \(account.email), is_email_verified = \(account.isEmailVerified), name = \(account.profile.name),
               given_name = \(account.profile.givenName), family_name = \(account.profile.familyName), picture = \(account.profile.picture),
               locale = \(account.profile.locale), zoneinfo = \(account.profile.zoneInfo), updated_at = now()
         WHERE id = \(account.id.rawValue) AND managing_tenant_id = \(tenant.rawValue)
        """
    }

    /// Touches no row unless the tenant manages the account.
    static func setPassword(_ hash: String, mustChange: Bool, of account: AccountID, in tenant: TenantID, now: Int64) -> SQL {
        """
        UPDATE auth.account
           SET password_hash = \(hash), must_change_password = \(mustChange), password_changed_at = \(date(now)), updated_at = now()
         WHERE id = \(account.rawValue) AND managing_tenant_id = \(tenant.rawValue)
        """
    }

    static func setRole(_ role: String, of account: AccountID, in tenant: TenantID) -> SQL {
        """
        UPDATE auth.membership SET role_name = \(role), updated_at = now()
         WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue)
        """
    }

    static func setDisabled(_ isDisabled: Bool, _ account: AccountID, in tenant: TenantID) -> SQL {
        """
        UPDATE auth.membership
           SET disabled_at = CASE WHEN \(isDisabled)::boolean THEN coalesce(disabled_at, now()) END, updated_at = now()
         WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue)
        """
    }

    /// Ends the membership, and the account with it where the tenant manages it: nobody else could ever see it again.
    /// To be run as the account itself, in the tenant.
    static func removals(_ account: AccountID, from tenant: TenantID) -> [SQL] {
        [
            "DELETE FROM auth.membership WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue)",
            "DELETE FROM auth.account WHERE id = \(account.rawValue) AND managing_tenant_id = \(tenant.rawValue)",
        ]
    }

    private static func date(_ seconds: Int64?) -> Date? {
        seconds.map { Date(timeIntervalSince1970: Double($0)) }
    }

    private static func member(_ row: Row, _ tenant: TenantID) throws -> Member {
        let (
            id, email, isVerified, name, givenName, familyName, picture, locale, zoneInfo, hash, changedAt, mustChange, manager, createdAt,
            updatedAt, isDisabled, roleName, rank, permissions, isBuiltIn, joinedAt, isMembershipDisabled
        ) = try row.decode(
            UUID.self, String.self, Bool.self, String?.self, String?.self, String?.self, String?.self, String?.self, String?.self,
            String?.self, Date?.self, Bool.self, UUID?.self, Date.self, Date.self, Bool.self, String.self, Int32.self, [String].self,
            Bool.self, Date.self, Bool.self
        )
        let account = Account(
            id: AccountID(id), email: email, isEmailVerified: isVerified,
            profile: Account.Profile(
                name: name, givenName: givenName, familyName: familyName, picture: picture, locale: locale, zoneInfo: zoneInfo),
            passwordHash: hash, passwordChangedAt: changedAt.map(seconds), mustChangePassword: mustChange,
            managingTenant: manager.map(TenantID.init), isDisabled: isDisabled, createdAt: seconds(createdAt), updatedAt: seconds(updatedAt)
        )
        let role = Role(name: roleName, rank: Int(rank), permissions: permissions, isBuiltIn: isBuiltIn)
        return Member(
            account: account,
            membership: Membership(
                tenant: tenant, account: account.id, role: role, isDisabled: isMembershipDisabled, createdAt: seconds(joinedAt))
        )
    }

    private static func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970) }
}
