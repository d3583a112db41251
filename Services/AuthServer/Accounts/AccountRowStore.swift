import FoundationEssentials
import Postgres
import Tenancy

/// How accounts and memberships stand in their tables: the statements and columns that several stores share.
enum AccountRow {
    /// Of `auth.account`, in the order that ``account(_:)`` reads.
    static let columns: SQL = """
        account.id, account.email, account.is_email_verified, account.name, account.given_name, account.family_name, account.picture,
        account.locale, account.zoneinfo, account.password_hash, account.password_changed_at, account.must_change_password,
        account.managing_tenant_id, account.disabled_at IS NOT NULL, account.created_at, account.updated_at
        """

    /// Read by ``member(_:_:)``; to be run inside the tenant.
    static let members: SQL = """
        SELECT \(columns), role.name, role.rank, role.permissions, role.is_built_in, membership.disabled_at IS NOT NULL, membership.created_at
          FROM auth.membership
          JOIN auth.account ON account.id = membership.account_id
          JOIN auth.role ON role.tenant_id = membership.tenant_id AND role.name = membership.role_name
        """

    /// Goes on as another account in the same transaction.
    static func actAs(_ account: AccountID) -> SQL {
        "SELECT set_config(\(TransactionSettings.accountSettingName), \(account.description), true)"
    }

    /// To be run as the account itself.
    static func insertion(_ account: Account) -> SQL {
        """
        INSERT INTO auth.account (id, email, is_email_verified, name, given_name, family_name, picture, locale, zoneinfo, password_hash,
                                  password_changed_at, must_change_password, managing_tenant_id, created_at, updated_at)
        VALUES (\(account.id.rawValue), \(account.email), \(account.isEmailVerified), \(account.profile.name), \(account.profile.givenName),
                \(account.profile.familyName), \(account.profile.picture), \(account.profile.locale), \(account.profile.zoneInfo),
                \(account.passwordHash), \(account.passwordChangedAt.map(date)), \(account.mustChangePassword),
                \(account.managingTenant?.rawValue), \(date(account.createdAt)), \(date(account.updatedAt)))
        """
    }

    /// To be run inside the tenant.
    static func membershipInsertion(_ account: AccountID, in tenant: TenantID, role: String) -> SQL {
        "INSERT INTO auth.membership (tenant_id, account_id, role_name) VALUES (\(tenant.rawValue), \(account.rawValue), \(role))"
    }

    /// - Parameter tenant: touches no row unless it manages the account.
    static func update(_ account: Account, managedBy tenant: TenantID? = nil) -> SQL {
        """
        UPDATE auth.account
           SET email = \(account.email), is_email_verified = \(account.isEmailVerified), name = \(account.profile.name),
               given_name = \(account.profile.givenName), family_name = \(account.profile.familyName), picture = \(account.profile.picture),
               locale = \(account.profile.locale), zoneinfo = \(account.profile.zoneInfo), updated_at = now()
         WHERE id = \(account.id.rawValue) \(managed(by: tenant))
        """
    }

    private static func managed(by tenant: TenantID?) -> SQL {
        tenant.map { "AND managing_tenant_id = \($0.rawValue)" } ?? ""
    }

    /// - Parameters:
    ///   - mark: of the password that is replaced, and no other; nil: whatever it is.
    ///   - tenant: touches no row unless it manages the account.
    static func password(
        _ hash: String, mustChange: Bool, of account: AccountID, replacing mark: PasswordMark? = nil, managedBy tenant: TenantID? = nil,
        now: Int64
    ) -> SQL {
        let condition: SQL = mark.map { "AND \($0.stands)" } ?? ""
        return """
            UPDATE auth.account
               SET password_hash = \(hash), must_change_password = \(mustChange), password_changed_at = \(date(now)),
                   updated_at = now()
             WHERE id = \(account.rawValue) \(managed(by: tenant)) \(condition)
            """
    }

    static func account(_ row: Row) throws -> Account {
        try account(row, from: 0)
    }

    /// - Parameter first: the column in which the account begins.
    static func account(_ row: Row, from first: Int) throws -> Account {
        func column<T: PostgresDecodable>(_ index: Int, as type: T.Type = T.self) throws -> T {
            try row.decode(type, column: first + index)
        }
        return Account(
            id: AccountID(try column(0)), email: try column(1), isEmailVerified: try column(2),
            profile: Account.Profile(
                name: try column(3), givenName: try column(4), familyName: try column(5), picture: try column(6), locale: try column(7),
                zoneInfo: try column(8)
            ),
            passwordHash: try column(9),
            passwordChangedAt: try column(10, as: Date?.self).map(seconds),
            mustChangePassword: try column(11),
            managingTenant: try column(12, as: UUID?.self).map(TenantID.init),
            isDisabled: try column(13),
            createdAt: seconds(try column(14)),
            updatedAt: seconds(try column(15))
        )
    }

    /// How many columns an account has.
    static let width = 16

    static func member(_ row: Row, _ tenant: TenantID) throws -> Member {
        let account = try account(row, from: 0)
        let role = Role(
            name: try row.decode(String.self, column: width), rank: Int(try row.decode(Int32.self, column: width + 1)),
            permissions: try row.decode([String].self, column: width + 2), isBuiltIn: try row.decode(Bool.self, column: width + 3)
        )
        let membership = Membership(
            tenant: tenant, account: account.id, role: role, isDisabled: try row.decode(Bool.self, column: width + 4),
            createdAt: seconds(try row.decode(Date.self, column: width + 5))
        )
        return Member(account: account, membership: membership)
    }

    static func date(_ seconds: Int64) -> Date { Date(timeIntervalSince1970: Double(seconds)) }

    static func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970.rounded(.down)) }
}
