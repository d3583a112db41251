import FoundationEssentials
import Postgres
import Tenancy

/// What a tenant's administrators see and change.
extension AccountStore {
    /// Members by id, those after `after`.
    ///
    /// - Parameter search: a part of the address or the name, in whatever case.
    func page(in tenant: TenantID, after: AccountID?, limit: Int, search: String? = nil, role: String? = nil) async throws -> [Member] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            \(AccountRow.members)
             WHERE membership.tenant_id = \(tenant.rawValue)
               AND (\(after?.rawValue) IS NULL OR membership.account_id > \(after?.rawValue))
               AND (\(search) IS NULL OR position(lower(\(search)) IN lower(account.email)) > 0
                    OR position(lower(\(search)) IN lower(coalesce(account.name, ''))) > 0)
               AND (\(role) IS NULL OR membership.role_name = \(role))
             ORDER BY membership.account_id
             LIMIT \(limit)
            """
        ) { try AccountRow.member($0, tenant) }
    }

    /// As they are until the transaction ends: their role and whether they are disabled.
    static func lock(_ account: AccountID, in tenant: TenantID, _ transaction: Transaction) async throws -> Member? {
        try await transaction.queryOptional(
            """
            \(AccountRow.members)
             WHERE membership.tenant_id = \(tenant.rawValue) AND membership.account_id = \(account.rawValue)
               FOR UPDATE OF membership FOR SHARE OF role
            """
        ) { try AccountRow.member($0, tenant) }
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
}
