import JSON
import OAuth

/// The claims about a person (OpenID Connect Core §5.1), chosen by scope and by name.
struct PersonClaims: Sendable {
    static let profile: Set<String> = [
        "name", "given_name", "family_name", "picture", "locale", "zoneinfo", "updated_at", "preferred_username",
    ]
    static let email: Set<String> = ["email", "email_verified"]

    let account: Account
    private let wanted: Set<String>

    /// - Parameter requested: claims asked for by name (§5.5) and consented to, as the grant keeps them.
    init(_ account: Account, scopes: ScopeSet, requested: Set<String>) {
        self.account = account
        var wanted: Set<String> = []
        if scopes.contains(.profile) { wanted.formUnion(Self.profile) }
        if scopes.contains(.email) { wanted.formUnion(Self.email) }
        self.wanted = wanted.union(requested)
    }

    func write(to json: inout JSONWriter) {
        let profile = account.profile
        text("name", profile.name, &json)
        text("given_name", profile.givenName, &json)
        text("family_name", profile.familyName, &json)
        text("picture", profile.picture, &json)
        text("locale", profile.locale, &json)
        text("zoneinfo", profile.zoneInfo, &json)
        text("preferred_username", account.email, &json)
        text("email", account.email, &json)
        if wanted.contains("email_verified") { json.field("email_verified", account.isEmailVerified) }
        if wanted.contains("updated_at") { json.field("updated_at", account.updatedAt) }
    }

    private func text(_ name: String, _ value: String?, _ json: inout JSONWriter) {
        if wanted.contains(name) { json.field(name, ifPresent: value) }
    }
}
