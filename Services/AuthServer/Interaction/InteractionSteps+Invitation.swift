import HTTPTypes
import Hummingbird
import OAuth
import Passwords
import ServiceKit
import Tenancy

extension InteractionSteps {
    /// Who is invited chooses a password, and has an account with it.
    func acceptAsNew(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard let tenant = visit.tenant, let token = InvitationCookie.token(visit.request),
            let invitation = try await invitations.find(token, in: tenant.id)
        else { return InvitationEndpoint.gone(visit) }
        func again(_ problem: PasswordSetPage.Problem) async throws -> Response {
            let page = PasswordSetPage(
                brand: visit.brand, form: try await forms.form(.invitation, interaction, visit), reason: .invitation,
                account: PageAccount(email: invitation.email), minimumLength: NewPassword.minimumLength(in: [tenant]), problem: problem
            )
            return visit.page(page, status: problem == .busy ? .serviceUnavailable : Self.problemStatus)
        }

        guard let password = form[PageField.newPassword] else { return try await again(.missing) }
        guard password.utf8.elementsEqual((form[PageField.repeatedPassword] ?? "").utf8) else { return try await again(.notRepeated) }
        do {
            switch try await invitations.accept(token, name: nil, password: password, in: tenant, origin: visit.origin) {
            case .accepted(let id):
                guard let account = try await accounts.find(id) else { return InvitationEndpoint.gone(visit) }
                return try await proceed(account, Interaction.Proof(account, methods: ["pwd"], now: clock.now), interaction, visit)
            case .weak(let weakness): return try await again(PasswordSetPage.Problem(weakness))
            case .accountExists: return visit.redirect(to: visit.path("invitations"))
            case .gone, .otherAccount, .alreadyMember: return InvitationEndpoint.gone(visit)
            }
        } catch is PasswordHasher.Busy {
            return try await again(.busy)
        }
    }

    /// Who has an account accepts by signing in; who has just got one has accepted already.
    func acceptAsSignedIn(_ visit: Visit) async throws -> Response {
        var visit = visit
        guard let account = try await signedIn(visit), let tenant = visit.tenant else { return visit.redirect(to: visit.path("sign-in")) }
        if let token = InvitationCookie.token(visit.request), try await invitations.find(token, in: tenant.id) != nil {
            switch try await invitations.accept(token, as: account, in: tenant, origin: visit.origin) {
            case .accepted, .alreadyMember: break
            case .otherAccount:
                return visit.refusal(.forbidden, "access_denied", "the invitation is for another address", status: .forbidden)
            case .gone, .weak, .accountExists: return InvitationEndpoint.gone(visit)
            }
        }
        visit.setCookie(InvitationCookie.clear)
        return visit.redirect(to: visit.path("sessions"))
    }
}
