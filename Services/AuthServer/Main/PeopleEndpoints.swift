import Hummingbird
import OAuth
import Passwords
import Postgres
import ServiceKit

/// Everything that a person meets in the browser.
struct PeopleEndpoints: Sendable {
    private let authorization: AuthorizationEndpoint
    private let interaction: InteractionEndpoint
    private let logout: LogoutEndpoint
    private let selfService: SelfServiceEndpoint
    private let applications: ApplicationsEndpoint
    private let invitation: InvitationEndpoint

    init(_ parts: AuthServerParts) {
        let forms = InteractionForms(
            formGuard: FormGuard(keys: parts.platformKeys, origin: parts.settings.baseOrigin),
            seal: InteractionSeal(keys: parts.platformKeys, clock: parts.clock)
        )
        let idTokens = IDTokenVerifier(issuers: parts.issuers, keys: parts.keys)
        let checks = AuthorizationChecks(
            tenants: parts.tenants, clients: parts.clients, issuers: parts.issuers, audience: parts.settings.audience)
        let secondFactor = SecondFactorQuestion(factors: parts.factors, forms: forms)
        let flow = AuthorizationFlow(
            sessions: parts.sessions, accounts: parts.accounts, consents: ConsentStore(database: parts.database),
            codes: AuthorizationCodes(store: parts.grants, clock: parts.clock), subjects: parts.subjects, idTokens: idTokens,
            secondFactor: secondFactor, forms: forms, clock: parts.clock
        )
        let invitations = Invitations(database: parts.database, passwords: parts.newPassword, clock: parts.clock)
        let ending = Logout(sessions: parts.sessions, clients: parts.clients, forms: forms, clock: parts.clock)

        authorization = AuthorizationEndpoint(requestTenant: parts.requestTenant, checks: checks, flow: flow)
        interaction = InteractionEndpoint(
            requestTenant: parts.requestTenant, forms: forms,
            steps: InteractionSteps(
                checks: checks, flow: flow, accounts: parts.accounts, sessions: parts.sessions, passwords: parts.passwords,
                factors: parts.factors, secondFactor: secondFactor, newPassword: parts.newPassword, invitations: invitations,
                devices: DeviceCookie(keys: parts.platformKeys), logout: ending, forms: forms, clock: parts.clock
            )
        )
        logout = LogoutEndpoint(
            requestTenant: parts.requestTenant, clients: parts.clients, idTokens: idTokens, subjects: parts.subjects,
            sessions: parts.sessions, logout: ending
        )
        selfService = SelfServiceEndpoint(
            requestTenant: parts.requestTenant, sessions: parts.sessions, forms: forms, logout: ending, clock: parts.clock
        )
        applications = ApplicationsEndpoint(
            requestTenant: parts.requestTenant, sessions: parts.sessions, accounts: parts.accounts,
            consents: Consents(database: parts.database, clock: parts.clock), forms: forms
        )
        invitation = InvitationEndpoint(
            requestTenant: parts.requestTenant, invitations: invitations, forms: forms, clock: parts.clock
        )
    }

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        authorization.addRoutes(to: router)
        interaction.addRoutes(to: router)
        logout.addRoutes(to: router)
        selfService.addRoutes(to: router)
        applications.addRoutes(to: router)
        invitation.addRoutes(to: router)
    }
}
