import OAuth
import Tenancy

/// What one `grant_type` adds to the token endpoint; parsing, client authentication and scope checks are shared and cannot be skipped.
protocol TokenGrant: Sendable {
    var type: GrantType { get }
    /// Whether the same request leads to the same authority each time, and to nothing else.
    var isRepeatable: Bool { get }

    /// Decides on whose behalf the token is issued and what bounds it. What can be used once is used up here.
    func authorize(_ request: TokenRequest, client: Client, tenant: Tenant) async throws -> GrantedAuthority

    /// Makes durable what the answer will promise, now that the scopes are known.
    func settle(
        _ authority: GrantedAuthority, scopes: ScopeSet, _ request: TokenRequest, client: Client, tenant: Tenant
    ) async throws -> GrantedAuthority
}

extension TokenGrant {
    var isRepeatable: Bool { false }

    func settle(
        _ authority: GrantedAuthority, scopes: ScopeSet, _ request: TokenRequest, client: Client, tenant: Tenant
    ) async throws -> GrantedAuthority {
        authority
    }
}

/// On whose behalf a token is issued.
struct GrantedAuthority: Sendable {
    var subject: String
    let roles: [String]
    /// What the client asked for in this request; nil: all that it may have.
    let asked: ScopeSet?
    /// The most that the client's own scopes are narrowed to; nil: no further bound.
    let bound: ScopeSet?
    /// Where a person stands behind the token.
    var person: GrantedPerson?

    init(subject: String, roles: [String], asked: ScopeSet?, bound: ScopeSet?, person: GrantedPerson? = nil) {
        self.subject = subject
        self.roles = roles
        self.asked = asked
        self.bound = bound
        self.person = person
    }

    /// On behalf of a person, within the grant and what the person's role allows now.
    init(_ standing: StandingGrant, asked: ScopeSet?, refreshToken: OpaqueSecret?, nonce: String?) throws {
        self.init(
            subject: standing.grant.subject, roles: [standing.role.name], asked: asked,
            bound: standing.grant.scopes.intersection(try standing.role.bound),
            person: GrantedPerson(grant: standing.grant, refreshToken: refreshToken, nonce: nonce)
        )
    }

    /// Asked ∩ client ∩ role. A client that may have none of what it asks for is told so (RFC 6749 §5.2).
    func scopes(within client: ScopeSet) throws(OAuthError) -> ScopeSet {
        let allowed = bound.map { client.intersection($0) } ?? client
        guard let asked else {
            guard person == nil || !allowed.isEmpty else {
                throw OAuthError(.invalidScope, "nothing that was granted is allowed any more")
            }
            return allowed
        }
        let granted = asked.intersection(allowed)
        guard !granted.isEmpty else { throw OAuthError(.invalidScope, "the client may not have any of these scopes") }
        return granted
    }
}

/// The person's part in a token answer.
struct GrantedPerson: Sendable {
    let grant: AccessGrant
    let refreshToken: OpaqueSecret?
    let nonce: String?
    /// The password that was checked: the password grant stands on it.
    var password = PasswordMark(hash: nil)
}

extension Role {
    /// What a token on behalf of somebody with this role may hold: the role's permissions, and what is about the person alone.
    var bound: ScopeSet {
        get throws { ScopeSet(try permissions.map { try Scope($0) }).union(.identity) }
    }
}
