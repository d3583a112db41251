import FoundationEssentials
import JOSE
import OAuth
import Tenancy

/// Where a grant is stored: its partition and its id.
struct GrantID: Sendable, Hashable, CustomStringConvertible {
    let period: Int32
    let id: UUID

    /// The `grant_id` claim of access tokens: `{period}.{id}`.
    var description: String { "\(period).\(id.uuidString.lowercased())" }

    init(period: Int32, id: UUID) {
        self.period = period
        self.id = id
    }

    init?(_ text: String) {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 2, let period = Int32(words[0]), let id = UUID(uuidString: String(words[1])) else { return nil }
        self.init(period: period, id: id)
    }
}

/// What a person has allowed a client: the root of its codes, refresh tokens and access tokens.
struct AccessGrant: Sendable, Hashable {
    let id: GrantID
    let tenantID: TenantID
    let clientID: ClientID
    let accountID: AccountID
    /// The tenant's session; nil where no browser stands behind the grant.
    let sessionID: UUID?
    /// The session as a client with pairwise subjects is told it.
    let pairwiseSession: String?
    let type: GrantType
    var scopes: ScopeSet
    /// `sub` as this client is told it.
    let subject: String
    /// `auth_time`, seconds since 1970.
    let authenticatedAt: Int64
    /// `amr` (RFC 8176).
    let methods: [String]
    /// The `claims` parameter as JSON text (OpenID Connect Core §5.5).
    let requestedClaims: String?
    /// Seconds since 1970.
    let createdAt: Int64
    /// The absolute end, whatever is refreshed.
    let expiresAt: Int64

    /// A grant as it is stored.
    init(
        id: GrantID, tenantID: TenantID, clientID: ClientID, accountID: AccountID, sessionID: UUID?, type: GrantType, scopes: ScopeSet,
        subject: String, pairwiseSession: String?, authenticatedAt: Int64, methods: [String], requestedClaims: String?, createdAt: Int64,
        expiresAt: Int64
    ) {
        self.id = id
        self.tenantID = tenantID
        self.clientID = clientID
        self.accountID = accountID
        self.sessionID = sessionID
        self.type = type
        self.scopes = scopes
        self.subject = subject
        self.pairwiseSession = pairwiseSession
        self.authenticatedAt = authenticatedAt
        self.methods = methods
        self.requestedClaims = requestedClaims
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    /// A new grant that ends `lifetimeSeconds` from now.
    init(
        tenantID: TenantID, clientID: ClientID, accountID: AccountID, sessionID: UUID?, type: GrantType, scopes: ScopeSet, subject: String,
        pairwiseSession: String? = nil, authenticatedAt: Int64, methods: [String], requestedClaims: String?, now: Int64,
        lifetimeSeconds: Int
    ) {
        let expiresAt = now + Int64(lifetimeSeconds)
        self.init(
            id: GrantID(period: Period.long(expiresAt), id: UUID()), tenantID: tenantID, clientID: clientID, accountID: accountID,
            sessionID: sessionID, type: type, scopes: scopes, subject: subject, pairwiseSession: pairwiseSession,
            authenticatedAt: authenticatedAt,
            methods: methods, requestedClaims: requestedClaims, createdAt: now, expiresAt: expiresAt
        )
    }

    /// `sid`, as this client is told it.
    var sessionName: String? { pairwiseSession ?? sessionID.map(Sessions.name) }
}
