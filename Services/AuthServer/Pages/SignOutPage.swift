/// Confirms a sign-out that another site asked for (OpenID Connect RP-Initiated Logout §2). Fields: `action` = `sign_out` or `stay`.
struct SignOutPage: Page {
    let brand: Brand
    let form: PageForm
    let account: PageAccount?
    let clientName: String?

    init(brand: Brand, form: PageForm, account: PageAccount? = nil, clientName: String? = nil) {
        (self.brand, self.form, self.account, self.clientName) = (brand, form, account, clientName)
    }

    var title: String { Texts.SignOut.title }

    func content() -> HTML {
        """
        \(Parts.heading(title, clientName.map { Texts.SignOut.asked($0, brand.displayName) } ?? Texts.SignOut.ends(brand.displayName)))
        \(account.map(Parts.account) ?? .empty)
        \(form.html(actions))
        """
    }

    private var actions: HTML {
        """
        <div class="actions">
        \(Parts.button(.signOut, Texts.SignOut.button, .primary))
        \(Parts.button(.stay, Texts.SignOut.stay, .quiet))
        </div>
        """
    }
}

/// The end of a session.
struct SignedOutPage: Page {
    let brand: Brand
    /// Where the client asked to go on, already checked against its registration.
    let returnLink: PageLink?
    let clientName: String?

    init(brand: Brand, returnLink: PageLink? = nil, clientName: String? = nil) {
        (self.brand, self.returnLink, self.clientName) = (brand, returnLink, clientName)
    }

    var title: String { Texts.SignOut.doneTitle }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, forms: .none)
    }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.SignOut.done(brand.displayName)))
        \(returnLink.map { "<div class=\"actions\">\(Parts.link($0, Texts.returnTo(clientName), .secondary))</div>" } ?? .empty)
        """
    }
}
