import OAuth

/// Tokens are for one resource server (RFC 8707 §2).
struct ResourceIsServed: AuthorizationCheck {
    let audience: String

    func check(_ attempt: inout AuthorizationAttempt) throws(AuthorizationError) {
        guard let resource = attempt.request.resource else { return }
        guard resource.utf8.elementsEqual(audience.utf8) || resource.utf8.elementsEqual((audience + "/").utf8) else {
            throw AuthorizationError(.invalidTarget, "the resource is not served here")
        }
    }
}
