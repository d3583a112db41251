import OAuth

/// What happens next with an authorization request that passed its checks.
enum AuthorizationStep: Sendable, Hashable {
    /// - Parameter isReauthentication: somebody is signed in, and must prove it again.
    case signIn(isReauthentication: Bool)
    case chooseAccount
    case secondFactor
    case consent
    case grant
    case refuse(AuthorizationError)

    /// What is known about the person in front of the browser.
    struct Facts: Sendable {
        /// A member of the tenant.
        var isSignedIn = false
        /// The session began in the course of this request.
        var hasJustSignedIn = false
        /// The account was chosen in the course of this request.
        var hasChosen = false
        /// The account is the one that `id_token_hint` and the `claims` parameter name.
        var isExpected = true
        /// The account is the one that `login_hint` names.
        var isHinted = true
        /// Seconds since the person proved who they are.
        var authenticationAge: Int64 = 0
        var lacksSecondFactor = false
        /// There is none to ask for: one is enrolled first.
        var mustEnrol = false
        var mustConsent = false
    }

    /// Seconds for which a sign-in is good enough to enrol a second factor: a browser left alone must not give its finder one.
    static let enrolmentAge: Int64 = 300

    /// OpenID Connect Core §3.1.2.3 and §3.1.2.6: the first thing that is missing; with `prompt=none` that is an error.
    static func next(_ request: AuthorizationRequest, _ facts: Facts) -> AuthorizationStep {
        let isSilent = request.prompts.contains(.none)
        func ask(_ step: AuthorizationStep, or code: AuthorizationError.Code, _ description: String) -> AuthorizationStep {
            isSilent ? .refuse(AuthorizationError(code, description)) : step
        }

        guard facts.isSignedIn else { return ask(.signIn(isReauthentication: false), or: .loginRequired, "nobody is signed in") }
        guard facts.isExpected else {
            let error = AuthorizationError(.loginRequired, "another person is signed in than the request names")
            return isSilent || facts.hasJustSignedIn ? .refuse(error) : .signIn(isReauthentication: false)
        }
        if !facts.hasJustSignedIn {
            let mustChoose = request.prompts.contains(.selectAccount) || !facts.isHinted && !isSilent
            if mustChoose, !facts.hasChosen { return ask(.chooseAccount, or: .accountSelectionRequired, "an account must be chosen") }
            let isTooOld = request.maximumAge.map { facts.authenticationAge > $0 || $0 == 0 } ?? false
            if request.prompts.contains(.login) || isTooOld {
                return ask(.signIn(isReauthentication: true), or: .loginRequired, "the sign-in is too long ago")
            }
        }
        if facts.mustEnrol, facts.authenticationAge > enrolmentAge {
            return ask(.signIn(isReauthentication: true), or: .interactionRequired, "a second factor is required")
        }
        if facts.lacksSecondFactor { return ask(.secondFactor, or: .interactionRequired, "a second factor is required") }
        if facts.mustConsent { return ask(.consent, or: .consentRequired, "the person has not allowed this yet") }
        return .grant
    }
}
