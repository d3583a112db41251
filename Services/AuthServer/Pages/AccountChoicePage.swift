/// `prompt=select_account`: the accounts known to this browser. Each account's button sends `account`; the last one `action` = `use_another_account`.
struct AccountChoicePage: Page {
    struct Choice: Sendable {
        let account: PageAccount
        /// Whether its session lives; else the choice leads to the sign-in page.
        let isSignedIn: Bool

        init(account: PageAccount, isSignedIn: Bool = true) {
            (self.account, self.isSignedIn) = (account, isSignedIn)
        }
    }

    let brand: Brand
    let form: PageForm
    let clientName: String?
    let choices: [Choice]

    init(brand: Brand, form: PageForm, clientName: String?, choices: [Choice]) {
        (self.brand, self.form, self.clientName, self.choices) = (brand, form, clientName, choices)
    }

    var title: String { Texts.AccountChoice.title }

    func content() -> HTML {
        """
        \(Parts.heading(title, clientName.map { Texts.SignIn.toContinue($0) } ?? .empty))
        \(form.html(list))
        """
    }

    private var list: HTML {
        """
        <ul class="choices">
        \(HTML.each(choices, item))
        <li><button class="choice" type="submit" name="\(PageField.action)" value="\(PageAction.useAnotherAccount.rawValue)">\
        <span class="disc">\(Icon.plus)</span><span class="who"><span class="strong">\(Texts.AccountChoice.another)</span></span></button></li>
        </ul>
        """
    }

    private func item(_ choice: Choice) -> HTML {
        """
        <li><button class="choice" type="submit" name="\(PageField.account)" value="\(exact: choice.account.id)">\
        <span class="disc">\(Icon.person)</span>\(Parts.identity(choice.account, state: choice.isSignedIn ? nil : Texts.AccountChoice.signedOut))\
        \(Icon.chevron)</button></li>

        """
    }
}
