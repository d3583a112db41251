import OAuth

/// The client is registered for authorization codes.
struct MayUseCodes: AuthorizationCheck {
    func check(_ attempt: inout AuthorizationAttempt) throws(AuthorizationError) {
        guard attempt.client.grantTypes.contains(.authorizationCode) else {
            throw AuthorizationError(.unauthorizedClient, "the client may not use authorization codes")
        }
    }
}
