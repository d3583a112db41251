/// For people who are members of several tenants. Each button sends `tenant`.
struct TenantChoicePage: Page {
    struct Choice: Sendable {
        /// Opaque; the value of the button.
        let id: String
        let brand: Brand
        /// What the person is there, in words, such as “Manager”.
        let role: String?

        init(id: String, brand: Brand, role: String? = nil) {
            (self.id, self.brand, self.role) = (id, brand, role)
        }
    }

    let brand: Brand
    let form: PageForm
    let clientName: String?
    let account: PageAccount
    let choices: [Choice]

    init(brand: Brand, form: PageForm, clientName: String?, account: PageAccount, choices: [Choice]) {
        (self.brand, self.form, self.clientName, self.account, self.choices) = (brand, form, clientName, account, choices)
    }

    var title: String { Texts.TenantChoice.title }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, images: choices.compactMap(\.brand.logo), forms: .ownAnd(formTargets))
    }

    func content() -> HTML {
        """
        \(Parts.heading(title, clientName.map { Texts.SignIn.toContinue($0) } ?? .empty))
        \(Parts.account(account))
        \(form.html("<ul class=\"choices\">\n\(HTML.each(choices, item))</ul>"))
        """
    }

    private func item(_ choice: Choice) -> HTML {
        """
        <li><button class="choice" type="submit" name="\(PageField.tenant)" value="\(exact: choice.id)">\
        \(Parts.mark(choice.brand, size: 36))<span class="who"><span class="strong">\(Parts.name(choice.brand.displayName))</span>\
        \(choice.role.map { " <span class=\"muted\">\(Parts.name($0))</span>" } ?? .empty)</span>\(Icon.chevron)</button></li>

        """
    }
}
