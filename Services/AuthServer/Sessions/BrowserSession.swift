import FoundationEssentials

/// A browser in which a person has signed in.
struct BrowserSession: Sendable, Hashable {
    let id: UUID
    let period: Int32
    let account: AccountID
    /// Seconds since 1970.
    let authenticatedAt: Int64
    /// RFC 8176: pwd, otp, mfa.
    let methods: [String]
    /// Seconds since 1970.
    let expiresAt: Int64
}

/// A living session as people and administrators see it: of a browser, or a tenant's part in one.
struct LivingSession: Sendable, Hashable {
    /// Of the browser's session, or of the tenant's part in it.
    let id: UUID
    let account: AccountID
    let userAgent: String
    let address: String
    /// Seconds since 1970.
    let createdAt: Int64
    let lastSeenAt: Int64
    let expiresAt: Int64
}
