/// A scope as a sentence about what the client will be able to do.
struct ScopeWords: Sendable {
    let sentence: HTML
    /// Deletes, administers, or covers everything: marked on the page.
    let isFarReaching: Bool

    /// One entry for each scope but those that say nothing to a person; identity first, far-reaching ones last, without repetition.
    static func describe(_ scopes: [String]) -> [ScopeWords] {
        let known = Set(scopes).sorted()
        let covering = known.contains("*:*") ? ["read", "write", "delete", "execute"] : []
        let words = known.compactMap { scope -> ScopeWords? in
            // `*:*` says more than `*:read` does beside it.
            if covering.contains(where: { scope == "*:\($0)" }) { return nil }
            return describe(scope)
        }
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
