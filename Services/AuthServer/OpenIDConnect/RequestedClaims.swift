import JSON
import OAuth

/// The `claims` parameter (OpenID Connect Core §5.5): claims asked for by name, for each place.
struct RequestedClaims: Sendable {
    let idToken: Set<String>
    let userInfo: Set<String>

    /// - Parameter json: as the grant keeps it, checked when it was asked; nil where nothing was.
    init(_ json: String?) {
        let object = json.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.objectValue
        idToken = Self.names(object?["id_token"])
        userInfo = Self.names(object?["userinfo"])
    }

    /// The scopes that the same claims come with: a person who is asked for a claim by name is asked as for its scope.
    var impliedScopes: ScopeSet {
        let names = idToken.union(userInfo)
        var scopes: [Scope] = []
        if !names.isDisjoint(with: PersonClaims.profile) { scopes.append(.profile) }
        if !names.isDisjoint(with: PersonClaims.email) { scopes.append(.email) }
        return ScopeSet(scopes)
    }

    private static func names(_ value: JSONValue?) -> Set<String> {
        Set(value?.objectValue?.members.map(\.name) ?? [])
    }
}
