/// What a client asks for. Fields: `action` = `allow` or `deny`.
struct ConsentPage: Page {
    struct Client: Sendable {
        let id: String
        let name: String
        let logo: BrandLogo?
        /// Where the answer goes, as registered and asked for.
        let redirectURI: String
        /// Whether the tenant vouches for the client; if not, the page warns.
        let isVerified: Bool

        init(id: String, name: String, logo: BrandLogo? = nil, redirectURI: String, isVerified: Bool) {
            (self.id, self.name, self.logo, self.redirectURI, self.isVerified) = (id, name, logo, redirectURI, isVerified)
        }
    }

    let brand: Brand
    let form: PageForm
    let client: Client
    let account: PageAccount
    /// Scope-tokens that will be granted, in any order.
    let scopes: [String]

    init(brand: Brand, form: PageForm, client: Client, account: PageAccount, scopes: [String]) {
        (self.brand, self.form, self.client, self.account, self.scopes) = (brand, form, client, account, scopes)
    }

    var title: String { Texts.Consent.title }
    var width: PageWidth { .medium }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, images: [client.logo].compactMap { $0 }, forms: .ownAnd(formTargets))
    }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.Consent.asks(client.name, brand.displayName)))
        \(Parts.account(account))
        \(HTML.when(!client.isVerified, Parts.caution(Texts.Consent.unverified(brand.displayName))))
        <h2>\(Texts.Consent.willBeAble)</h2>
        <ul class="scopes">
        \(HTML.each(ScopeWords.describe(scopes), item))
        </ul>
        \(form.html(actions))
        <p class="fine">\(Texts.Consent.destination(RedirectDestination(redirectURI: client.redirectURI)))</p>
        <details>
        <summary>\(Texts.Consent.details)</summary>
        <dl>
        <dt>\(Texts.Consent.clientID)</dt><dd><code>\(Parts.name(client.id))</code></dd>
        <dt>\(Texts.Consent.redirectURI)</dt><dd><code>\(Parts.name(client.redirectURI, limit: 400))</code></dd>
        <dt>\(Texts.Consent.scopes)</dt><dd><code>\(Parts.name(scopes.sorted().joined(separator: " "), limit: 2000))</code></dd>
        </dl>
        </details>
        """
    }

    private var actions: HTML {
        """
        <div class="actions row">
        \(Parts.button(.allow, Texts.Consent.allow, .primary))
        \(Parts.button(.deny, Texts.Consent.deny, .secondary))
        </div>
        """
    }

    private func item(_ words: ScopeWords) -> HTML {
        "<li class=\"\(words.isFarReaching ? "far-reaching" : "ordinary")\">\(words.isFarReaching ? Icon.warning : Icon.check)<span>\(words.sentence)</span></li>\n"
    }
}
