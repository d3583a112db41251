import OAuth

/// Asked ∩ client: scopes that the client may not have are left out, unless nothing is left (RFC 6749 §3.3).
struct ScopesMayBeHad: AuthorizationCheck {
    func check(_ attempt: inout AuthorizationAttempt) throws(AuthorizationError) {
        var scopes = attempt.request.scopes.map { attempt.client.scopes.intersection($0) } ?? attempt.client.scopes
        // It means refresh tokens, and nothing without them.
        if !attempt.client.grantTypes.contains(.refreshToken) { scopes = ScopeSet(scopes.scopes.filter { $0 != .offlineAccess }) }
        guard !scopes.isEmpty else { throw AuthorizationError(.invalidScope, "the client may not have any of these scopes") }
        attempt.scopes = scopes
    }
}
