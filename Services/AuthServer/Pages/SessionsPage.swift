/// Where a person is signed in. Fields: `session` for one, or `action` = `sign_out_others` or `sign_out_everywhere`.
struct SessionsPage: Page {
    struct Session: Sendable {
        /// Opaque; the value of the button that ends the session.
        let id: String
        /// Such as “Firefox on Linux”; empty if unknown.
        let device: String
        let address: String
        /// Unix seconds.
        let signedInAt: Int64
        /// Unix seconds.
        let lastSeenAt: Int64
        /// Whether this page was asked for in it.
        let isCurrent: Bool

        init(id: String, device: String, address: String, signedInAt: Int64, lastSeenAt: Int64, isCurrent: Bool = false) {
            (self.id, self.device, self.address) = (id, device, address)
            (self.signedInAt, self.lastSeenAt, self.isCurrent) = (signedInAt, lastSeenAt, isCurrent)
        }
    }

    enum Notice: Sendable {
        case endedOne, endedOthers
    }

    let brand: Brand
    let form: PageForm
    let account: PageAccount
    let sessions: [Session]
    /// Unix seconds, for “5 minutes ago”.
    let now: Int64
    let notice: Notice?
    let applications: PageLink?

    init(
        brand: Brand, form: PageForm, account: PageAccount, sessions: [Session], now: Int64, notice: Notice? = nil,
        applications: PageLink? = nil
    ) {
        (self.brand, self.form, self.account, self.sessions, self.now) = (brand, form, account, sessions, now)
        (self.notice, self.applications) = (notice, applications)
    }

    var title: String { Texts.Sessions.title }
    var width: PageWidth { .wide }

    func content() -> HTML {
        """
        \(Parts.heading(title, Texts.Sessions.lead(brand.displayName)))
        \(Parts.account(account))
        \(notice.map { "<div role=\"status\">\(Parts.notice(Texts.Sessions.notice($0)))</div>" } ?? .empty)
        \(form.html(list))
        \(applications.map { "<div class=\"actions\">\(Parts.link($0, Texts.Applications.title, .quiet))</div>" } ?? .empty)
        """
    }

    private var list: HTML {
        """
        <ul class="sessions">
        \(HTML.each(sessions.sorted { ($0.isCurrent ? 1 : 0, $0.lastSeenAt) > ($1.isCurrent ? 1 : 0, $1.lastSeenAt) }, item))
        </ul>
        <div class="actions row">
        \(HTML.when(sessions.contains { !$0.isCurrent }, Parts.button(.signOutOthers, Texts.Sessions.others, .secondary)))
        \(Parts.button(.signOutEverywhere, Texts.Sessions.everywhere, .danger))
        </div>
        """
    }

    private func item(_ session: Session) -> HTML {
        let device = session.device.isEmpty ? Texts.Sessions.unknownDevice : session.device
        return """
            <li><span class="disc">\(Icon.device)</span>
            <div class="who"><span class="strong">\(Parts.name(device))\
            \(HTML.when(session.isCurrent, " <span class=\"tag\">\(Texts.Sessions.current)</span>"))</span>
            <span class="muted">\(Parts.name(session.address, limit: 60)) <span aria-hidden="true">·</span> \(Texts.Sessions.lastSeen) \
            <time datetime="\(CalendarTime(session.lastSeenAt).iso8601)">\(Texts.ago(seconds: max(now, 0) - max(session.lastSeenAt, 0)))</time></span>
            <span class="muted">\(Texts.Sessions.since) <time datetime="\(CalendarTime(session.signedInAt).iso8601)">\
            \(Texts.date(CalendarTime(session.signedInAt)))</time></span></div>
            <button class="button secondary small" type="submit" name="\(PageField.session)" value="\(exact: session.id)">\
            \(Texts.Sessions.end)<span class="visually-hidden">: \(Parts.name(device))</span></button></li>

            """
    }
}
