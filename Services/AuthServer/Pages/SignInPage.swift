/// E-mail address and password. Fields: `username`, `password`, `action` = `sign_in` or `cancel`.
struct SignInPage: Page {
    enum Problem: Sendable, Equatable {
        /// The same for an unknown address and a wrong password.
        case wrongCredentials
        case missingUsername
        case missingPassword
        /// Too many attempts for now.
        case throttled(seconds: Int)
        /// The form was sent too late or from another browser tab's session.
        case expired
        /// The password is being checked elsewhere or the server has no time; nothing is wrong with what was typed.
        case busy
    }

    let brand: Brand
    let form: PageForm
    /// The application to continue to; nil when the person came by themselves.
    let clientName: String?
    /// What to put into the field: the `login_hint`, or what was typed before.
    let username: String
    let problem: Problem?
    /// Whether the person is signed in and must prove it again (`prompt=login`, `max_age`).
    let isReauthentication: Bool
    /// Whether a button leads back to the client with `access_denied`.
    let offersCancel: Bool

    init(
        brand: Brand, form: PageForm, clientName: String?, username: String = "", problem: Problem? = nil, isReauthentication: Bool = false,
        offersCancel: Bool = false
    ) {
        (self.brand, self.form, self.clientName, self.problem) = (brand, form, clientName, problem)
        (self.isReauthentication, self.offersCancel) = (isReauthentication, offersCancel)
        self.username = username.utf8.count <= Field.longestUsername ? username : ""
    }

    var title: String { Texts.SignIn.title }
    var hasProblem: Bool { problem != nil }

    func content() -> HTML {
        """
        \(Parts.heading(title, clientName.map { Texts.SignIn.toContinue($0) } ?? Texts.SignIn.toTenant(brand.displayName)))
        \(HTML.when(isReauthentication && problem == nil, Parts.notice(Texts.SignIn.again)))
        \(Parts.problem(problem.map(text)))
        \(form.html(fields))
        """
    }

    private var fields: HTML {
        """
        \(Field(
            name: PageField.username, label: Texts.SignIn.username, type: "email", autocomplete: "username",
            value: username, isInvalid: isWrong(.missingUsername), hasFocus: problem == nil && username.isEmpty, problem: problem != nil
        ).html)
        \(Field(
            name: PageField.password, label: Texts.SignIn.password, type: "password", autocomplete: "current-password",
            isInvalid: isWrong(.missingPassword), hasFocus: problem == nil && !username.isEmpty, problem: problem != nil
        ).html)
        <div class="actions">
        \(Parts.button(.signIn, Texts.SignIn.button, .primary))
        \(HTML.when(offersCancel, Parts.button(.cancel, Texts.cancel, .quiet, validates: false)))
        </div>
        """
    }

    private func isWrong(_ missing: Problem) -> Bool { problem == .wrongCredentials || problem == missing }

    private func text(_ problem: Problem) -> String {
        switch problem {
        case .wrongCredentials: Texts.SignIn.wrongCredentials
        case .missingUsername: Texts.SignIn.missingUsername
        case .missingPassword: Texts.SignIn.missingPassword
        case .throttled(let seconds): Texts.SignIn.throttled(seconds: seconds)
        case .expired: Texts.expired
        case .busy: Texts.busy
        }
    }
}
