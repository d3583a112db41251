import JSON
import OAuth

/// The `claims` parameter (OpenID Connect Core §5.5): claims about the person asked for by name, for each place.
struct RequestedClaims: Sendable {
    let idToken: Set<String>
    let userInfo: Set<String>

    /// - Parameter json: the parameter, checked when it was asked, or as a grant keeps it; nil where nothing was asked.
    init(_ json: String?) {
        let object = json.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.objectValue
        self.init(idToken: Self.names(object?["id_token"]), userInfo: Self.names(object?["userinfo"]))
    }

    private init(idToken: Set<String>, userInfo: Set<String>) {
        self.idToken = idToken
        self.userInfo = userInfo
    }

    private static func names(_ value: JSONValue?) -> Set<String> {
        Set(value?.objectValue?.members.map(\.name) ?? [])
    }

    /// Without the claims that a client with these scopes may not ask for, and those that are not about the person.
    func within(_ scopes: ScopeSet) -> RequestedClaims {
        var allowed: Set<String> = []
        if scopes.contains(.profile) { allowed.formUnion(PersonClaims.profile) }
        if scopes.contains(.email) { allowed.formUnion(PersonClaims.email) }
        return RequestedClaims(idToken: idToken.intersection(allowed), userInfo: userInfo.intersection(allowed))
    }

    /// The scopes that the same claims come with: a person who is asked for a claim by name is asked as for its scope.
    var impliedScopes: ScopeSet {
        let names = idToken.union(userInfo)
        var scopes: [Scope] = []
        if !names.isDisjoint(with: PersonClaims.profile) { scopes.append(.profile) }
        if !names.isDisjoint(with: PersonClaims.email) { scopes.append(.email) }
        return ScopeSet(scopes)
    }

    /// As a grant keeps it; nil where nothing is asked.
    var text: String? {
        guard !idToken.isEmpty || !userInfo.isEmpty else { return nil }
        var json = JSONWriter()
        json.beginObject()
        for (place, names) in [("id_token", idToken), ("userinfo", userInfo)] where !names.isEmpty {
            json.name(place)
            json.beginObject()
            for name in names.sorted() {
                json.name(name)
                json.null()
            }
            json.endObject()
        }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
