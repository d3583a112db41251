extension Scope {
    /// Asks for an ID token (OpenID Connect Core §3.1.2.1).
    public static let openID = standard("openid")
    public static let profile = standard("profile")
    public static let email = standard("email")
    /// Refresh tokens that outlive the person's session (OpenID Connect Core §11).
    public static let offlineAccess = standard("offline_access")
}

extension ScopeSet {
    /// Scopes about the person rather than the person's rights: no role narrows them.
    public static let identity = ScopeSet([.openID, .profile, .email, .offlineAccess])

    public func contains(_ scope: Scope) -> Bool { scopes.contains(scope) }

    public func union(_ other: ScopeSet) -> ScopeSet { ScopeSet(scopes + other.scopes) }
}
