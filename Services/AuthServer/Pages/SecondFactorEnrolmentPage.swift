/// Adds an authenticator app. Fields: `code`; `action` = `verify` or, where it may wait, `cancel`.
struct SecondFactorEnrolmentPage: Page {
    enum Problem: Sendable, Equatable {
        case wrongCode
        case expired
        case busy
    }

    let brand: Brand
    let form: PageForm
    let account: PageAccount
    /// The `otpauth:` URI as an SVG element of this server's own making.
    let qrCode: HTML
    /// The same secret in Base32, in any case, with or without spaces.
    let secret: String
    /// Whether the person may go on without.
    let isRequired: Bool
    let problem: Problem?

    init(
        brand: Brand, form: PageForm, account: PageAccount, qrCode: HTML, secret: String, isRequired: Bool = true, problem: Problem? = nil
    ) {
        (self.brand, self.form, self.account, self.qrCode, self.secret) = (brand, form, account, qrCode, secret)
        (self.isRequired, self.problem) = (isRequired, problem)
    }

    var title: String { Texts.Enrolment.title }
    var hasProblem: Bool { problem != nil }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.Enrolment.lead(brand.displayName)))
        \(Parts.account(account))
        \(Parts.problem(problem.map(Texts.Enrolment.problem)))
        <ol class="steps">
        <li><p>\(Texts.Enrolment.scan)</p>
        <div class="qr" role="img" aria-label="\(Texts.Enrolment.qrCode)">\(qrCode)</div>
        <p class="hint">\(Texts.Enrolment.byHand)</p>
        <p class="secret"><code>\(Self.grouped(secret))</code></p></li>
        <li><p>\(Texts.Enrolment.confirm)</p></li>
        </ol>
        \(form.html(fields))
        """
    }

    private var fields: HTML {
        """
        \(SecondFactorPage.codeField(.authenticator, isInvalid: problem == .wrongCode, problem: true))
        <div class="actions">
        \(Parts.button(.verify, Texts.Enrolment.button, .primary))
        \(HTML.when(!isRequired, Parts.button(.cancel, Texts.Enrolment.later, .quiet, validates: false)))
        </div>
        """
    }

    /// Upper case, in groups of four.
    static func grouped(_ secret: String) -> String {
        var result = ""
        for (index, character) in secret.uppercased().filter({ $0 != " " && $0 != "-" }).enumerated() {
            if index > 0, index.isMultiple(of: 4) { result.append(" ") }
            result.append(character)
        }
        return result
    }
}

/// The recovery codes, shown this once. Fields: `action` = `continue`.
struct RecoveryCodesPage: Page {
    let brand: Brand
    let form: PageForm
    let codes: [String]

    init(brand: Brand, form: PageForm, codes: [String]) {
        (self.brand, self.form, self.codes) = (brand, form, codes)
    }

    var title: String { Texts.Recovery.title }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.Recovery.lead))
        <ul class="codes">
        \(HTML.each(codes) { "<li><code>\($0)</code></li>\n" })
        </ul>
        \(Parts.caution(Texts.Recovery.once))
        \(form.html("<div class=\"actions\">\(Parts.button(.resume, Texts.Recovery.button, .primary))</div>"))
        """
    }
}
