import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// What each form leads to.
struct InteractionSteps: Sendable {
    let checks: AuthorizationChecks
    let flow: AuthorizationFlow
    let accounts: AccountStore
    let sessions: Sessions
    let passwords: PasswordSignIn
    let factors: SecondFactors
    let secondFactor: SecondFactorQuestion
    let newPassword: NewPassword
    let invitations: Invitations
    let devices: DeviceCookie
    let logout: Logout
    let forms: InteractionForms
    let clock: WallClock

    /// The status of a form that is shown again, whatever was wrong with it: nothing can be learnt from it.
    static let problemStatus = HTTPResponse.Status.unprocessableContent

    func answer(_ step: InteractionStep, _ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        let action = form[PageField.action].flatMap { PageAction(rawValue: $0) }
        if action == .cancel { return try await cancel(interaction, visit) }
        return switch step {
        case .signIn: try await signIn(form, interaction, visit)
        case .account: try await chooseAccount(form, interaction, visit)
        case .secondFactor: try await verifySecondFactor(form, action, interaction, visit)
        case .enrolment: try await enrol(form, interaction, visit)
        case .recoveryCodes: try await afterRecoveryCodes(interaction, visit)
        case .password: try await setPassword(form, interaction, visit)
        case .consent: try await consent(action, interaction, visit)
        case .tenant: try await chooseTenant(form, visit)
        case .invitation: try await acceptAsNew(form, interaction, visit)
        case .signOut: try await logout.answer(action, interaction, visit)
        }
    }

    // MARK: On and back

    /// Goes on with what the person came for.
    func resume(_ interaction: Interaction, _ visit: Visit, isAllowed: Bool = false) async throws -> Response {
        switch interaction.purpose {
        case .authorization(let parameters):
            let attempt = try await checks.run(Array(parameters.utf8), named: visit.tenant)
            return try await flow.advance(attempt, interaction, visit, isAllowed: isAllowed)
        case .signIn:
            return try await home(visit)
        case .invitation:
            return try await acceptAsSignedIn(visit)
        case .signOut:
            return visit.refusal(.expired, "invalid_request", "the form does not fit")
        }
    }

    private func cancel(_ interaction: Interaction, _ visit: Visit) async throws -> Response {
        guard case .authorization(let parameters) = interaction.purpose else { return visit.redirect(to: visit.path("sign-in")) }
        let attempt = try await checks.run(Array(parameters.utf8), named: visit.tenant)
        let error = AuthorizationError(.accessDenied, "the person said no")
        return AuthorizationAnswer.error(error, attempt.reply, attempt.client, visit)
    }

    /// Who the answer to the interaction's forms may redirect to, and the client's name.
    func destination(_ interaction: Interaction, _ visit: Visit) async throws -> (targets: [FormTarget], clientName: String?) {
        guard case .authorization(let parameters) = interaction.purpose else { return ([], nil) }
        let attempt = try await checks.run(Array(parameters.utf8), named: visit.tenant)
        return (AuthorizationFlow.targets(attempt), attempt.client.name)
    }

    // MARK: Choices

    private func chooseAccount(_ form: FormParameters, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        var interaction = interaction
        if let chosen = form[PageField.account].flatMap({ AccountID($0) }) {
            interaction.chosen = chosen
            return try await resume(interaction, visit)
        }
        let (targets, clientName) = try await destination(interaction, visit)
        return visit.page(
            SignInPage(
                brand: visit.brand, form: try await forms.form(.signIn, interaction, visit), clientName: clientName, offersCancel: true
            ),
            formTargets: targets
        )
    }

    private func consent(_ action: PageAction?, _ interaction: Interaction, _ visit: Visit) async throws -> Response {
        switch action {
        case .allow: try await resume(interaction, visit, isAllowed: true)
        case .deny: try await cancel(interaction, visit)
        default: try await resume(interaction, visit)
        }
    }

    /// After a sign-in on the platform's own page: to the sessions of the one tenant, or the choice among several.
    private func home(_ visit: Visit) async throws -> Response {
        if visit.tenant != nil { return visit.redirect(to: visit.path("sessions")) }
        guard let account = try await signedIn(visit) else { return visit.redirect(to: visit.path("sign-in")) }
        let memberships = try await accounts.memberships(of: account.id)
        guard memberships.count > 1 else { return visit.redirect(to: Visit.path("sessions", memberships.first?.tenant)) }
        let interaction = Interaction(.signIn, tenant: nil, now: clock.now)
        return visit.page(
            TenantChoicePage(
                brand: visit.brand, form: try await forms.form(.tenant, interaction, visit), clientName: nil, account: PageAccount(account),
                choices: memberships.map {
                    .init(id: $0.tenant.slug.rawValue, brand: Brand($0.tenant), role: $0.membership.role.name)
                }
            )
        )
    }

    private func chooseTenant(_ form: FormParameters, _ visit: Visit) async throws -> Response {
        guard let account = try await signedIn(visit) else { return visit.redirect(to: visit.path("sign-in")) }
        let chosen = form[PageField.tenant] ?? ""
        let tenant = try await accounts.memberships(of: account.id).first { $0.tenant.slug.rawValue == chosen }?.tenant
        return visit.redirect(to: Visit.path("sessions", tenant))
    }

    func signedIn(_ visit: Visit) async throws -> Account? {
        if let begun = visit.begun { return begun.account }
        return try await sessions.find(visit.request)?.1
    }
}
