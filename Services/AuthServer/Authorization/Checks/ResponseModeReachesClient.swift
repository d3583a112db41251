import OAuth

/// A form can be posted to a web address only.
struct ResponseModeReachesClient: AuthorizationCheck {
    func check(_ attempt: inout AuthorizationAttempt) throws(AuthorizationError) {
        let isWeb = attempt.reply.redirectURI.lowercased().utf8.starts(with: "http".utf8)
        guard attempt.reply.mode == .query || isWeb else {
            throw AuthorizationError(.invalidRequest, "response_mode=form_post needs a redirect_uri of http or https")
        }
    }
}
