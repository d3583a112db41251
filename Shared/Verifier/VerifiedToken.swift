internal import OAuth
internal import Tenancy

/// What a token says that was accepted.
public struct VerifiedToken: Sendable {
    private let claims: AccessTokenClaims

    init(_ claims: AccessTokenClaims) {
        self.claims = claims
    }

    /// The person's id, or the client's own where it acts for itself.
    public var subject: String { claims.subject }
    public var clientID: String { claims.clientID.rawValue }
    /// The tenant's name in URLs.
    public var tenant: String { claims.tenant.rawValue }
    /// `org_id`.
    public var tenantID: String { claims.tenantID.description }
    public var roles: [String] { claims.roles }
    /// Separated by spaces.
    public var scope: String { claims.scopes.description }
    /// `jti`.
    public var tokenID: String { claims.tokenID }
    /// `sid`, where a person's session stands behind the token.
    public var sessionID: String? { claims.sessionID }
    /// Seconds since 1970, as ``expiresAt``.
    public var issuedAt: Int64 { claims.issuedAt }
    public var expiresAt: Int64 { claims.expiresAt }

    /// Whether a scope `resource:action` is there, or one with a wildcard that has it.
    public func allows(_ action: String, on resource: String) -> Bool { claims.scopes.allows(action, on: resource) }
}
