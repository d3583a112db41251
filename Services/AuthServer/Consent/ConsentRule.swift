import OAuth

/// Whether a person must be asked before a client gets what it asks for.
enum ConsentRule {
    /// - Parameters:
    ///   - remembered: what the person allowed the client before.
    ///   - hasJustSignedIn: whether the person proved themselves in the course of this very request.
    static func mustAsk(
        _ attempt: AuthorizationAttempt, scopes: ScopeSet, remembered: ScopeSet, hasJustSignedIn: Bool
    ) -> Bool {
        if attempt.request.prompts.contains(.consent) { return true }
        if !hasJustSignedIn, canBeImpersonated(attempt) { return true }
        if attempt.client.isFirstParty { return false }
        return !scopes.scopes.allSatisfy { remembered.contains($0) }
    }

    /// RFC 8252 §8.6: a public client behind a loopback port or a private-use scheme may be any program of the person's machine. Somebody who
    /// sees nothing cannot say no, so without a sign-in the person is shown the request, remembered consent and first party or not.
    private static func canBeImpersonated(_ attempt: AuthorizationAttempt) -> Bool {
        attempt.client.authenticationMethod == .none && !attempt.reply.redirectURI.lowercased().utf8.starts(with: "https:".utf8)
    }
}
