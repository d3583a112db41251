import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// `GET /t/{tenant}/invitations?token=…`: where an invitation's link leads.
///
/// The token stays in the URL for one request only. It moves into a cookie, and the page has a clean URL: nothing that is kept of it later,
/// histories, logs and the `Referer` of links, holds the token.
struct InvitationEndpoint: Sendable {
    let requestTenant: RequestTenant
    let invitations: Invitations
    let forms: InteractionForms
    let clock: WallClock

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/invitations", [.get: { try await show($0, $1) }])
    }

    private func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.require(request, context)
        var visit = Visit(request, context, tenant: tenant)
        if let query = request.uri.query {
            guard query.utf8.count <= 1000, let token = try FormParameters(parsing: Array(query.utf8))["token"],
                OpaqueSecret(parsing: token, as: .invitation) != nil
            else { return Self.gone(visit) }
            visit.setCookie(InvitationCookie.setCookie(token))
            return visit.redirect(to: visit.path("invitations"))
        }
        guard let token = InvitationCookie.token(request), let invitation = try await invitations.find(token, in: tenant.id) else {
            return Self.gone(visit)
        }
        let interaction = Interaction(.invitation, tenant: tenant.id, now: clock.now)
        if try await invitations.isForExistingAccount(invitation) {
            let form = try await forms.form(.signIn, interaction, visit)
            return visit.page(SignInPage(brand: visit.brand, form: form, clientName: nil, username: invitation.email))
        }
        return visit.page(
            PasswordSetPage(
                brand: visit.brand, form: try await forms.form(.invitation, interaction, visit), reason: .invitation,
                account: PageAccount(email: invitation.email), minimumLength: NewPassword.minimumLength(in: [tenant])
            )
        )
    }

    /// Unknown, used, withdrawn and expired look alike.
    static func gone(_ visit: Visit) -> Response {
        var visit = visit
        visit.setCookie(InvitationCookie.clear)
        return visit.refusal(.linkUsed, "invalid_request", "the invitation is not good", status: .gone)
    }
}

/// Keeps an invitation's token for the quarter of an hour that accepting it takes.
enum InvitationCookie {
    static let name = "__Host-sallyport_invitation"

    static func token(_ request: Request) -> String? { RequestCookies.value(of: name, in: request) }

    /// - Parameter token: its form is known to be right.
    static func setCookie(_ token: String) -> String { "\(name)=\(token); Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax" }

    static let clear = "\(name)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
}
