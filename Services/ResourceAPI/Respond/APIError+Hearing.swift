import OAuth

/// What a refusal says only to those who may hear it. It names nothing that the token has no scope for; to whom it speaks of such a thing,
/// the scope is named instead.
extension APIError {
    struct Suggestion: Sendable, Hashable {
        let hint: String
        /// One of these is enough; none at all are needed where there are none.
        var anyOf: [RequiredScope] = []
    }

    /// One of the things that a name may mean.
    struct Choice: Sendable, Hashable {
        /// JSON
        let details: [UInt8]
        /// What to say to mean it.
        let hint: String
        let takes: [RequiredScope]
    }

    /// The refusal of what lies inside something that takes a scope.
    func inside(_ scope: RequiredScope) -> APIError {
        var error = self
        error.takes.insert(scope, at: 0)
        return error
    }

    /// The scope that is missing to hear of it at all.
    func lacking(_ allows: (RequiredScope) -> Bool) -> RequiredScope? {
        if let scope = takes.first(where: { !allows($0) }) { return scope }
        guard !choices.contains(where: { $0.takes.allSatisfy(allows) }) else { return nil }
        return choices.first?.takes.first { !allows($0) }
    }

    /// The refusal with what may be heard of its hints.
    func heard(_ allows: (RequiredScope) -> Bool) -> APIError {
        var error = self
        if let suggestion = suggestions.first(where: { $0.anyOf.isEmpty || $0.anyOf.contains(where: allows) }) {
            error.hint = suggestion.hint
        }
        let heard = choices.filter { $0.takes.allSatisfy(allows) }
        if !heard.isEmpty {
            error.detailsJSON = Array("[".utf8) + heard.map(\.details).joined(separator: Array(",".utf8)) + Array("]".utf8)
            let hints = heard.map(\.hint).joined(separator: ", ")
            error.hint = "\(choiceLead) one of the following: \(hints). Find the desired relationship in the 'details' key."
        }
        return error
    }
}

extension Gate {
    /// A refusal of planning as the caller may hear it.
    func told(_ error: APIError, to caller: Caller) -> any Error {
        func allows(_ scope: RequiredScope) -> Bool { caller.claims.scopes.allows(scope.action, on: scope.resource) }
        if let scope = error.lacking(allows) {
            return BearerChallenge(refusal: .insufficientScope("\(scope.resource):\(scope.action)"), metadataURL: metadataURL)
        }
        return error.heard(allows)
    }
}
