import FoundationEssentials
import OAuth
import Revocation
import Tenancy

/// What is taken back: an entry of the revocation log, with everything that must end in the same transaction.
enum Revocation: Sendable, Hashable {
    /// One access token, by its `jti`, until it would have expired anyway (seconds since 1970).
    case token(String, expiresAt: Int64)
    case grant(GrantID)
    /// A tenant session, by its id. Grants with `offline_access` outlive a sign-out, and end when an admin ends the session.
    case session(UUID, keepingOffline: Bool)
    /// Everything that a person holds in the tenant: grants and sessions.
    case user(AccountID)
    case client(ClientID)
    /// Everything in the tenant.
    case tenant

    /// Clocks differ, and verifiers allow for that: a token may be believed for a few seconds after its end.
    private static let clockSeconds: Int64 = 60
    /// The longest that an access token lives, and a minute for clocks: after that an entry is moot.
    static let standingSeconds: Int64 = 86_400 + clockSeconds

    /// The entry as the index holds it.
    func entry(in tenant: TenantID, now: Int64) -> RevocationEntry {
        RevocationEntry(kind: kind, tenant: tenant, target: target, notBefore: notBefore(now), expiresAt: end(now))
    }

    /// Up to when issued tokens are dead.
    ///
    /// A grant never lives again, and neither does a session that ends with its grants, so all their tokens are, whatever clock they were
    /// issued by. A person's tokens are issued with the time before the statement that waits for
    /// this revocation's lock. Clients' tokens are issued from memory, which hears of the revocation a moment later, or
    /// is trusted for a second when it cannot hear: that time is covered.
    func notBefore(_ now: Int64) -> Int64 {
        switch self {
        case .grant, .session(_, keepingOffline: false): end(now)
        case .token, .session, .user: now
        case .client, .tenant: now + 2
        }
    }

    /// When the entry is moot.
    func end(_ now: Int64) -> Int64 {
        switch self {
        case .token(_, let expiresAt): expiresAt + Self.clockSeconds
        case .grant, .session, .user, .client, .tenant: now + Self.standingSeconds
        }
    }

    var kind: RevocationKind {
        switch self {
        case .token: .token
        case .grant: .grant
        case .session: .session
        case .user: .user
        case .client: .client
        case .tenant: .tenant
        }
    }

    var target: String {
        switch self {
        case .token(let id, _): id
        case .grant(let id): id.description
        case .session(let id, _): id.uuidString.lowercased()
        case .user(let account): account.description
        case .client(let client): client.rawValue
        case .tenant: ""
        }
    }
}
