/// A new password. Fields: `new_password`, `repeated_password`, `password` where the present one is asked for; `action` = `save`.
struct PasswordSetPage: Page {
    enum Reason: Sendable, Equatable {
        /// The person was invited and has no password yet.
        case invitation
        /// The password must be changed before going on.
        case changeRequired
        /// The person asked for it.
        case change
        /// The old one was forgotten.
        case reset
    }

    enum Problem: Sendable, Equatable {
        case tooShort(minimumLength: Int)
        case tooLong(maximumLength: Int)
        /// Found in a list of leaked passwords.
        case breached
        /// Contains the name, the address or the tenant's name.
        case containsIdentity
        case sameAsBefore
        case notRepeated
        case missing
        case wrongCurrentPassword
        case expired
        case busy
    }

    let brand: Brand
    let form: PageForm
    let reason: Reason
    let account: PageAccount
    let minimumLength: Int
    let asksCurrentPassword: Bool
    let problem: Problem?

    init(
        brand: Brand, form: PageForm, reason: Reason, account: PageAccount, minimumLength: Int, asksCurrentPassword: Bool = false,
        problem: Problem? = nil
    ) {
        (self.brand, self.form, self.reason, self.account) = (brand, form, reason, account)
        (self.minimumLength, self.asksCurrentPassword, self.problem) = (minimumLength, asksCurrentPassword, problem)
    }

    var title: String { Texts.NewPassword.title(reason) }
    var hasProblem: Bool { problem != nil }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.NewPassword.lead(reason, brand.displayName)))
        \(Parts.account(account))
        \(Parts.problem(problem.map(Texts.NewPassword.problem)))
        \(form.html(fields))
        """
    }

    /// Password managers file the new password under the hidden user name.
    private var fields: HTML {
        """
        <input class="visually-hidden" type="text" name="\(PageField.username)" autocomplete="username" value="\(exact: account.email)" \
        readonly tabindex="-1" aria-hidden="true">
        \(HTML.when(asksCurrentPassword, current))
        \(Field(
            name: PageField.newPassword, label: Texts.NewPassword.new, type: "password", autocomplete: "new-password",
            hint: Texts.NewPassword.policy(minimumLength: minimumLength), isInvalid: concernsNewPassword,
            hasFocus: problem == nil && !asksCurrentPassword, problem: problem != nil, minimumLength: minimumLength
        ).html)
        \(Field(
            name: PageField.repeatedPassword, label: Texts.NewPassword.repeated, type: "password", autocomplete: "new-password",
            isInvalid: problem == .notRepeated, problem: problem != nil
        ).html)
        <div class="actions">\(Parts.button(.save, Texts.NewPassword.button(reason), .primary))</div>
        """
    }

    private var current: HTML {
        Field(
            name: PageField.password, label: Texts.NewPassword.current, type: "password", autocomplete: "current-password",
            isInvalid: problem == .wrongCurrentPassword, hasFocus: problem == nil, problem: problem != nil
        ).html
    }

    private var concernsNewPassword: Bool {
        switch problem {
        case .tooShort, .tooLong, .breached, .containsIdentity, .sameAsBefore, .missing: true
        case .notRepeated, .wrongCurrentPassword, .expired, .busy, nil: false
        }
    }
}
