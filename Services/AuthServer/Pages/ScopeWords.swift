/// A scope as a sentence about what the client will be able to do.
struct ScopeWords: Sendable {
    let sentence: HTML
    /// Deletes, administers, or covers everything: marked on the page.
    let isFarReaching: Bool

    /// One entry for each scope, without repetition: who the person is, then data, then what reaches far.
    static func describe(_ scopes: [String]) -> [ScopeWords] {
        let known = Set(scopes)
        // `*:*` says more than `*:read` does beside it.
        let covered: Set<String> = known.contains("*:*") ? ["*:read", "*:write", "*:delete", "*:execute"] : []
        let identity = ["openid", "profile", "email", "phone", "address", "groups", "roles"].filter(known.contains)
        let access = known.subtracting(covered).subtracting(identity).subtracting(["offline_access"]).sorted()
        let words = (identity + access + (known.contains("offline_access") ? ["offline_access"] : [])).map { describe($0) }
        return words.filter { !$0.isFarReaching } + words.filter(\.isFarReaching)
    }

    private static func describe(_ scope: String) -> ScopeWords {
        if let sentence = Texts.Scopes.standard[scope] { return ScopeWords(sentence: "\(sentence)", isFarReaching: false) }
        guard let colon = scope.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return ScopeWords(sentence: Texts.Scopes.other(scope), isFarReaching: scope == "*")
        }
        let resource = String(scope[..<colon])
        let action = String(scope[scope.utf8.index(after: colon)...])
        return ScopeWords(
            sentence: sentence(resource, action) ?? Texts.Scopes.other(scope),
            isFarReaching: action == "delete" || action == "*" || resource == "*" && action != "read" || resource == "admin"
        )
    }

    private static func sentence(_ resource: String, _ action: String) -> HTML? {
        guard !resource.isEmpty else { return nil }
        if resource == "admin" { return Texts.Scopes.administer(action == "*" ? nil : action) }
        let isEverything = resource == "*"
        switch action {
        case "read": return isEverything ? Texts.Scopes.readAll : Texts.Scopes.read(resource)
        case "write": return isEverything ? Texts.Scopes.writeAll : Texts.Scopes.write(resource)
        case "delete": return isEverything ? Texts.Scopes.deleteAll : Texts.Scopes.delete(resource)
        case "execute": return isEverything ? Texts.Scopes.executeAll : Texts.Scopes.execute(resource)
        case "*": return isEverything ? Texts.Scopes.everything : Texts.Scopes.everythingOf(resource)
        default: return nil
        }
    }
}
