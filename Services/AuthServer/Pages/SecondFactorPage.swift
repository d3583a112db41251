/// The code of an authenticator app, or a recovery code. Fields: `code`; `action` = `verify`, `use_recovery_code` or `use_authenticator`.
struct SecondFactorPage: Page {
    enum Method: Sendable {
        case authenticator, recoveryCode
    }

    enum Problem: Sendable, Equatable {
        case wrongCode
        case throttled(seconds: Int)
        case expired
        case busy
    }

    let brand: Brand
    let form: PageForm
    let account: PageAccount
    let method: Method
    let problem: Problem?

    init(brand: Brand, form: PageForm, account: PageAccount, method: Method = .authenticator, problem: Problem? = nil) {
        (self.brand, self.form, self.account, self.method, self.problem) = (brand, form, account, method, problem)
    }

    var title: String { Texts.SecondFactor.title(method) }
    var hasProblem: Bool { problem != nil }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.SecondFactor.lead(method)))
        \(Parts.account(account))
        \(Parts.problem(problem.map { Texts.SecondFactor.problem($0, method) }))
        \(form.html(fields))
        """
    }

    private var fields: HTML {
        """
        \(SecondFactorPage.codeField(method, isInvalid: problem == .wrongCode, problem: problem != nil))
        <div class="actions">
        \(Parts.button(.verify, Texts.SecondFactor.button, .primary))
        \(method == .authenticator
            ? Parts.button(.useRecoveryCode, Texts.SecondFactor.useRecoveryCode, .quiet, validates: false)
            : Parts.button(.useAuthenticator, Texts.SecondFactor.useAuthenticator, .quiet, validates: false))
        </div>
        """
    }

    static func codeField(_ method: Method, isInvalid: Bool, problem: Bool) -> HTML {
        switch method {
        case .authenticator:
            Field(
                name: PageField.code, label: Texts.SecondFactor.code, inputMode: "numeric", autocomplete: "one-time-code",
                isInvalid: isInvalid, hasFocus: !problem, problem: problem, maximumLength: 12, style: "code"
            ).html
        case .recoveryCode:
            Field(
                name: PageField.code, label: Texts.SecondFactor.recoveryCode, autocomplete: "off",
                isInvalid: isInvalid, hasFocus: !problem, problem: problem, maximumLength: 64, style: "code"
            ).html
        }
    }
}
