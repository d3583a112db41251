import Tenancy

/// An account as a member of one tenant.
struct Member: Sendable, Hashable {
    let account: Account
    let membership: Membership

    var id: AccountID { account.id }
    var role: Role { membership.role }
    /// Disabled in the tenant, or everywhere.
    var isDisabled: Bool { account.isDisabled || membership.isDisabled }

    func isManaged(by tenant: TenantID) -> Bool { account.managingTenant == tenant }
}
