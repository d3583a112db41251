import FoundationEssentials
import Postgres
import Tenancy

/// The identity of a person's account, never reused: `sub` where subjects are public.
struct AccountID: Sendable, Hashable, CustomStringConvertible {
    let rawValue: UUID

    init(_ rawValue: UUID) {
        self.rawValue = rawValue
    }

    init?(_ text: String) {
        guard let uuid = UUID(uuidString: text) else { return nil }
        rawValue = uuid
    }

    /// Lower case, as PostgreSQL writes it.
    var description: String { rawValue.uuidString.lowercased() }
}

/// A person's account: one e-mail address and one set of credentials, whatever the number of tenants.
struct Account: Sendable, Hashable {
    var id: AccountID
    var email: String
    var isEmailVerified: Bool
    var profile: Profile
    /// As it is stored: a PHC string, or what another system wrote; nil where no password was ever set.
    var passwordHash: String?
    /// Seconds since 1970.
    var passwordChangedAt: Int64?
    var mustChangePassword: Bool
    /// The tenant whose admins may change the account; nil once it is a member of two, or where it manages itself.
    var managingTenant: TenantID?
    var isDisabled: Bool
    /// Seconds since 1970.
    var createdAt: Int64
    var updatedAt: Int64

    /// The claims of the `profile` scope that are kept (OpenID Connect Core §5.1).
    struct Profile: Sendable, Hashable {
        var name: String?
        var givenName: String?
        var familyName: String?
        var picture: String?
        var locale: String?
        var zoneInfo: String?
    }
}

/// What ties an account to a tenant.
struct Membership: Sendable, Hashable {
    let tenant: TenantID
    let account: AccountID
    let role: Role
    let isDisabled: Bool
    /// Seconds since 1970.
    let createdAt: Int64
}

extension TransactionSettings {
    /// Read by `auth.current_account()`: the rows of this account are visible. Only for who has proved to be it, or for making it.
    static let accountSettingName = "sallyport.account_id"

    static func account(_ account: AccountID) -> TransactionSettings {
        TransactionSettings([(accountSettingName, account.description)])
    }

    /// Inside the tenant, as the account.
    static func account(_ account: AccountID, in tenant: TenantID) -> TransactionSettings {
        TransactionSettings.tenant(tenant.rawValue).adding(accountSettingName, account.description)
    }
}
