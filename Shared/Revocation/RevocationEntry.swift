public import Tenancy

/// What a revocation speaks of.
public enum RevocationKind: String, Sendable, Hashable, CaseIterable {
    /// One access token, by `jti`.
    case token
    /// Everything born of what a person allowed a client, by `grant_id`.
    case grant
    /// Everything of one sign-in in the tenant, by `sid`.
    case session
    /// Everything of a person in the tenant, by `sub`.
    case user
    case client
    /// Everything of the tenant.
    case tenant
}

/// One line of the revocation log.
public struct RevocationEntry: Sendable, Hashable {
    public let kind: RevocationKind
    public let tenant: TenantID
    /// `jti`, `grant_id`, `sid`, `sub` or `client_id`; empty for the tenant itself.
    public let target: String
    /// Tokens issued up to this second are dead; for a single token it says nothing. Seconds since 1970.
    public let notBefore: Int64
    /// When the entry is moot.
    public let expiresAt: Int64

    public init(kind: RevocationKind, tenant: TenantID, target: String, notBefore: Int64, expiresAt: Int64) {
        self.kind = kind
        self.tenant = tenant
        self.target = target
        self.notBefore = notBefore
        self.expiresAt = expiresAt
    }

    /// Reads an announcement: tenant, kind, `not_before`, expiry and target, separated by spaces.
    public init?(announcement: String) {
        let words = announcement.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        guard words.count >= 4, let tenant = TenantID(String(words[0])), let kind = RevocationKind(rawValue: String(words[1])),
            let notBefore = Int64(words[2]), let expiresAt = Int64(words[3])
        else { return nil }
        self.init(kind: kind, tenant: tenant, target: words.count > 4 ? String(words[4]) : "", notBefore: notBefore, expiresAt: expiresAt)
    }
}
