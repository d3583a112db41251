/// Something that cannot go on, for the person in front of it; never what happened inside.
struct ErrorPage: Page {
    enum Kind: Sendable, CaseIterable {
        /// The client is unknown or disabled.
        case unknownClient
        /// The redirect URI is not registered, so nothing may be sent there.
        case redirectURI
        /// The authorization request is malformed and cannot be answered to the client.
        case malformedRequest
        /// The form came too late, or its page belongs to a session that has ended.
        case expired
        /// The form's token does not belong to this browser.
        case forgery
        /// The browser did not send back the cookie.
        case cookies
        case unknownTenant
        case notFound
        case methodNotAllowed
        /// The person has no account or no right here.
        case forbidden
        /// An invitation or a link that is used up or too old.
        case linkUsed
        case tooManyRequests
        case unavailable
        case failure
    }

    let brand: Brand
    let kind: Kind
    /// The OAuth error code, such as `invalid_request`; shown to be told to support.
    let code: String
    let requestID: String
    let returnLink: PageLink?
    let clientName: String?

    init(_ kind: Kind, brand: Brand = .standard, code: String, requestID: String, returnLink: PageLink? = nil, clientName: String? = nil) {
        (self.kind, self.brand, self.code, self.requestID) = (kind, brand, code, requestID)
        (self.returnLink, self.clientName) = (returnLink, clientName)
    }

    var title: String { Texts.Errors.title(kind) }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, forms: .none)
    }

    func content() -> HTML {
        """
        \(Parts.heading(title))
        <p>\(Texts.Errors.happened(kind))</p>
        <p>\(Texts.Errors.advice(kind))</p>
        \(returnLink.map { "<div class=\"actions\">\(Parts.link($0, Texts.returnTo(clientName), .secondary))</div>" } ?? .empty)
        <dl class="reference">
        <div><dt>\(Texts.Errors.code)</dt><dd><code>\(Parts.name(code, limit: 60))</code></dd></div>
        <div><dt>\(Texts.Errors.request)</dt><dd><code>\(Parts.name(requestID, limit: 128))</code></dd></div>
        </dl>
        """
    }
}
