import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit
import Tenancy

/// One request of a person's browser, and what will be said to the browser besides the page.
struct Visit: Sendable {
    let request: Request
    let context: ServiceContext
    let browser: BrowserCookie
    /// Nil on the platform's own pages.
    private(set) var tenant: Tenant?
    /// A session that began with this request: the browser does not know of it yet.
    var begun: (session: BrowserSession, account: Account)?
    private var cookies: [String] = []

    init(_ request: Request, _ context: ServiceContext, tenant: Tenant?) {
        (self.request, self.context, self.tenant) = (request, context, tenant)
        browser = BrowserCookie(request)
        if browser.isNew { cookies.append(browser.setCookie) }
    }

    var origin: RequestOrigin { RequestOrigin(request, context) }
    var brand: Brand { tenant.map { Brand($0) } ?? .standard }

    /// The same visit, as the tenant's: for requests whose path names none.
    func of(_ tenant: Tenant?) -> Visit {
        var visit = self
        visit.tenant = tenant
        return visit
    }

    mutating func setCookie(_ cookie: String) { cookies.append(cookie) }

    /// The absolute path of a page or form of this tenant, or of the platform.
    func path(_ name: String) -> String { Self.path(name, tenant) }

    static func path(_ name: String, _ tenant: Tenant?) -> String {
        (tenant.map { "/t/\($0.slug)" } ?? "") + "/" + name
    }

    // MARK: Answers

    func page(
        _ page: some Page, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], formTargets: [FormTarget] = []
    ) -> Response {
        withCookies(page.response(status: status, headers: headers, formTargets: formTargets))
    }

    /// 303: whatever was posted here, passwords above all, is not posted on (RFC 9700 §4.12).
    func redirect(to location: String) -> Response {
        let headers: HTTPFields = [
            .location: location, .cacheControl: "no-store", .pragma: "no-cache", .referrerPolicy: "no-referrer",
        ]
        return withCookies(Response(status: .seeOther, headers: headers))
    }

    /// Something that cannot go on: a page for people, JSON for programs.
    func refusal(
        _ kind: ErrorPage.Kind, _ code: String, _ description: String, status: HTTPResponse.Status = .badRequest, headers: HTTPFields = [:]
    ) -> Response {
        guard AcceptedForm.prefersHTML(request) else {
            return OAuthErrorResponse.make(code, description, status: status, headers: headers)
        }
        return page(ErrorPage(kind, brand: brand, code: code, requestID: context.requestID), status: status, headers: headers)
    }

    private func withCookies(_ response: Response) -> Response {
        var response = response
        for cookie in cookies { response.headers.append(HTTPField(name: .setCookie, value: cookie)) }
        return response
    }
}

extension Brand {
    init(_ tenant: Tenant) {
        self.init(displayName: tenant.name, color: tenant.settings.color, logoURL: tenant.settings.logoURI)
    }
}

/// What kind of answer the other side reads.
enum AcceptedForm {
    /// Browsers name `text/html`; programs take anything or ask for JSON.
    static func prefersHTML(_ request: Request) -> Bool {
        request.headers[values: .accept].contains { $0.lowercased().contains("text/html") }
    }
}

extension HTTPField.Name {
    static let pragma = literal("Pragma")
}
