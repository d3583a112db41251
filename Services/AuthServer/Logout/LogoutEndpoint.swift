import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit
import Tenancy

/// `GET` and `POST /t/{tenant}/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0).
struct LogoutEndpoint: Sendable {
    let requestTenant: RequestTenant
    let clients: ClientDirectory
    let idTokens: IDTokenVerifier
    let subjects: Subjects
    let sessions: Sessions
    let logout: Logout

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(
            "t/:tenant/oauth2/logout",
            [
                .get: { try await respond(Array(($0.uri.query ?? "").utf8), $0, $1) },
                .post: { try await posted($0, $1) },
                .head: { _, _ in throw MethodNotAllowed(allow: "GET, POST") },
            ]
        )
    }

    /// A form from the client's site comes without the session's cookie: the same page is asked for with GET.
    private func posted(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        let text = Array(try await request.body.collect(upTo: ParametersAreWellFormed.maximumBytes * 2).readableBytesView)
        if RequestCookies.value(of: Sessions.cookieName, in: request) == nil,
            let again = CrossSitePost.asGet(text, at: Visit.path("oauth2/logout", tenant))
        {
            return again
        }
        return try await respond(text, request, context)
    }

    private func respond(_ text: [UInt8], _ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        let visit = Visit(request, context, tenant: tenant)
        do {
            let asked = try await parse(text, tenant)
            guard let (session, account) = try await sessions.find(request) else { return try await nobody(asked, visit) }
            if let hint = asked.hint, try await names(hint, session, account, asked.client, tenant) {
                return try await logout.end(asked.wish, visit)
            }
            return try await logout.confirm(asked.wish, account, clientName: asked.client?.name, visit)
        } catch let failure as AuthorizationFailure {
            return AuthorizationAnswer.failure(failure, visit)
        }
    }

    private struct Asked {
        let hint: IDTokenVerifier.Hint?
        let client: Client?
        let wish: SignOutWish
    }

    private func parse(_ text: [UInt8], _ tenant: Tenant) async throws -> Asked {
        let parameters = try ParametersAreWellFormed().parse(text, tenant)
        func malformed(_ description: String) -> AuthorizationFailure {
            .shown(.malformedRequest, code: "invalid_request", description: description, tenant: tenant)
        }
        guard (parameters["state"]?.utf8.count ?? 0) <= AuthorizationReply.maximumStateBytes else { throw malformed("state is too long") }

        var hint: IDTokenVerifier.Hint?
        if let token = parameters["id_token_hint"] {
            hint = try await idTokens.verifyHint(token, tenant: tenant)
            if hint == nil { throw malformed("id_token_hint is not an ID token of this issuer") }
        }
        let named = parameters["client_id"]
        if let named, let hint, named != hint.clientID.rawValue { throw malformed("client_id differs from id_token_hint") }
        let clientID = hint?.clientID ?? named.flatMap { ClientID($0) }
        var client: Client?
        if let clientID { client = try await clients.find(clientID, in: tenant.id) }

        guard let redirectURI = parameters["post_logout_redirect_uri"] else {
            return Asked(hint: hint, client: client, wish: SignOutWish(clientID: clientID, redirectURI: nil, state: nil))
        }
        guard let client, !client.isDisabled,
            client.postLogoutRedirectURIs.contains(where: { $0.rawValue.utf8.elementsEqual(redirectURI.utf8) })
        else {
            throw AuthorizationFailure.shown(
                .redirectURI, code: "invalid_request", description: "post_logout_redirect_uri is not registered", tenant: tenant)
        }
        let wish = SignOutWish(clientID: clientID, redirectURI: redirectURI, state: parameters["state"])
        return Asked(hint: hint, client: client, wish: wish)
    }

    /// Whether the ID token is of the very session of this browser: then its holder need not ask again.
    private func names(
        _ hint: IDTokenVerifier.Hint, _ session: BrowserSession, _ account: Account, _ client: Client?, _ tenant: Tenant
    ) async throws -> Bool {
        guard let client, let sid = hint.sessionID, try await hint.subject == subjects.subject(of: account.id, for: client) else {
            return false
        }
        guard let part = try await sessions.store.part(of: session, in: tenant.id) else { return false }
        return try await subjects.pairwiseSession(part.id, for: client) ?? Sessions.name(part.id) == sid
    }

    /// Nobody is signed in: there is nothing to end and nothing to ask. A client that proved with a hint that it is one is answered.
    private func nobody(_ asked: Asked, _ visit: Visit) async throws -> Response {
        if asked.hint != nil { return try await logout.end(asked.wish, visit) }
        let link = asked.wish.redirectURI.flatMap { PageLink($0) }
        return visit.page(SignedOutPage(brand: visit.brand, returnLink: link, clientName: asked.client?.name))
    }
}
