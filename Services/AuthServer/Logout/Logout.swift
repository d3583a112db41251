import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// Ends the browser's session, and sends the person back where a client asked for it.
struct Logout: Sendable {
    let sessions: Sessions
    let clients: ClientDirectory
    let forms: InteractionForms
    let clock: WallClock

    /// Asks the person, who may have been sent here by any site (OpenID Connect RP-Initiated Logout §2).
    func confirm(_ wish: SignOutWish, _ account: Account, clientName: String?, _ visit: Visit) async throws -> Response {
        let interaction = Interaction(.signOut(wish), tenant: visit.tenant?.id, now: clock.now)
        let form = try await forms.form(.signOut, interaction, visit)
        return visit.page(
            SignOutPage(brand: visit.brand, form: form, account: PageAccount(account), clientName: clientName),
            formTargets: wish.redirectURI.map { FormTarget.onward(to: $0) } ?? []
        )
    }

    func answer(_ action: PageAction?, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard case .signOut(let wish) = interaction.purpose else {
            return visit.refusal(.expired, "invalid_request", "the form does not fit")
        }
        guard action == .signOut else { return visit.redirect(to: visit.path("sessions")) }
        return try await end(wish, visit)
    }

    /// Signs out of every tenant in this browser, where somebody is signed in at all.
    func end(_ wish: SignOutWish, _ visit: Visit) async throws -> Response {
        if let (session, _) = try await sessions.find(visit.request) { try await sessions.end(session, origin: visit.origin) }
        var visit = visit
        visit.setCookie(Sessions.clearCookie)
        guard let redirectURI = wish.redirectURI else { return visit.page(SignedOutPage(brand: visit.brand)) }
        return visit.redirect(to: RedirectQuery.adding(wish.state.map { [("state", $0)] } ?? [], to: redirectURI))
    }
}
