public import Tenancy

/// The claims of a JWT access token (RFC 9068 §2.2) with this platform's own: `tenant` the slug, `org_id` the tenant's id.
public struct AccessTokenClaims: Sendable, Hashable {
    public var issuer: String
    /// The user's id, or the client's id where it acts for itself (RFC 9068 §2.2).
    public var subject: String
    public var audience: String
    /// Seconds since 1970, as `iat` and `nbf`.
    public var issuedAt: Int64
    public var expiresAt: Int64
    /// `jti`.
    public var tokenID: String
    public var clientID: ClientID
    public var scopes: ScopeSet
    public var tenant: TenantSlug
    public var tenantID: TenantID
    public var roles: [String]
    /// `sid`, where a person's session stands behind the token.
    public var sessionID: String?
    /// `grant_id`: what a person allowed, from which the token was born; nil where a client acts for itself.
    public var grantID: String?

    public init(
        issuer: String, subject: String, audience: String, issuedAt: Int64, expiresAt: Int64, tokenID: String, clientID: ClientID,
        scopes: ScopeSet, tenant: TenantSlug, tenantID: TenantID, roles: [String], sessionID: String? = nil,
        grantID: String? = nil
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.tokenID = tokenID
        self.clientID = clientID
        self.scopes = scopes
        self.tenant = tenant
        self.tenantID = tenantID
        self.roles = roles
        self.sessionID = sessionID
        self.grantID = grantID
    }
}
