/// What a person has allowed which clients. Field: `application`, the one whose consent is withdrawn.
struct ApplicationsPage: Page {
    struct Application: Sendable {
        /// Opaque; the value of the button that withdraws the consent.
        let id: String
        let name: String
        /// Named where the page is not a tenant's own.
        let tenantName: String?
        /// Scope-tokens, in any order.
        let scopes: [String]
        /// Unix seconds.
        let allowedAt: Int64

        init(id: String, name: String, tenantName: String? = nil, scopes: [String], allowedAt: Int64) {
            (self.id, self.name, self.tenantName, self.scopes, self.allowedAt) = (id, name, tenantName, scopes, allowedAt)
        }
    }

    enum Notice: Sendable {
        case withdrawn
    }

    let brand: Brand
    let form: PageForm
    let account: PageAccount
    let applications: [Application]
    let notice: Notice?
    let sessions: PageLink?

    init(
        brand: Brand, form: PageForm, account: PageAccount, applications: [Application], notice: Notice? = nil, sessions: PageLink? = nil
    ) {
        (self.brand, self.form, self.account, self.applications) = (brand, form, account, applications)
        (self.notice, self.sessions) = (notice, sessions)
    }

    var title: String { Texts.Applications.title }
    var width: PageWidth { .wide }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.Applications.lead(brand.displayName)))
        \(Parts.account(account))
        \(notice.map { "<div role=\"status\">\(Parts.notice(Texts.Applications.notice($0)))</div>" } ?? .empty)
        \(applications.isEmpty ? "<p>\(Texts.Applications.none)</p>" : form.html(list))
        \(sessions.map { "<div class=\"actions\">\(Parts.link($0, Texts.Sessions.title, .quiet))</div>" } ?? .empty)
        """
    }

    private var list: HTML {
        """
        <ul class="sessions">
        \(HTML.each(applications, item))
        </ul>
        """
    }

    private func item(_ application: Application) -> HTML {
        """
        <li><span class="disc">\(Icon.check)</span>
        <div class="who"><span class="strong">\(Parts.name(application.name))\
        \(application.tenantName.map { " <span class=\"tag\">\(Parts.name($0))</span>" } ?? .empty)</span>
        <span class="muted">\(Texts.Applications.since) <time datetime="\(CalendarTime(application.allowedAt).iso8601)">\
        \(Texts.date(CalendarTime(application.allowedAt)))</time></span>
        <ul>
        \(HTML.each(ScopeWords.describe(application.scopes)) { "<li>\($0.sentence)</li>\n" })</ul></div>
        <button class="button secondary small" type="submit" name="\(PageField.application)" value="\(exact: application.id)">\
        \(Texts.Applications.withdraw)<span class="visually-hidden">: \(Parts.name(application.name))</span></button></li>

        """
    }
}
