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
    private let invitation: InvitationEndpoint

    init(
        _ settings: AuthServerSettings, database: Postgres, tenants: TenantDirectory, requestTenant: RequestTenant,
        clients: ClientDirectory,
        issuers: Issuers, keys: KeyRings, platformKeys: PlatformKeys, accounts: AccountStore, grants: AccessGrantStore, sessions: Sessions,
        passwords: PasswordSignIn, factors: SecondFactors, newPassword: NewPassword, clock: WallClock
    ) {
        let forms = InteractionForms(
            formGuard: FormGuard(keys: platformKeys, origin: settings.baseOrigin), seal: InteractionSeal(keys: platformKeys, clock: clock)
        )
        let idTokens = IDTokenVerifier(issuers: issuers, keys: keys)
        let subjects = Subjects(keys: platformKeys)
        let checks = AuthorizationChecks(tenants: tenants, clients: clients, issuers: issuers, audience: settings.audience)
        let secondFactor = SecondFactorQuestion(factors: factors, forms: forms)
        let flow = AuthorizationFlow(
            sessions: sessions, accounts: accounts, consents: ConsentStore(database: database),
            codes: AuthorizationCodes(store: grants, clock: clock), subjects: subjects, idTokens: idTokens, secondFactor: secondFactor,
            forms: forms, clock: clock
        )
        let invitations = Invitations(database: database, passwords: newPassword, clock: clock)
        let ending = Logout(sessions: sessions, clients: clients, forms: forms, clock: clock)

        authorization = AuthorizationEndpoint(requestTenant: requestTenant, checks: checks, flow: flow)
        interaction = InteractionEndpoint(
            requestTenant: requestTenant, forms: forms,
            steps: InteractionSteps(
                checks: checks, flow: flow, accounts: accounts, sessions: sessions, passwords: passwords, factors: factors,
                secondFactor: secondFactor, newPassword: newPassword, invitations: invitations, devices: DeviceCookie(keys: platformKeys),
                logout: ending,
                forms: forms, clock: clock
            )
        )
        logout = LogoutEndpoint(
            requestTenant: requestTenant, clients: clients, idTokens: idTokens, subjects: subjects, sessions: sessions, logout: ending
        )
        selfService = SelfServiceEndpoint(
            requestTenant: requestTenant, sessions: sessions, forms: forms, logout: ending, clock: clock
        )
        invitation = InvitationEndpoint(requestTenant: requestTenant, invitations: invitations, forms: forms, clock: clock)
    }

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        authorization.addRoutes(to: router)
        interaction.addRoutes(to: router)
        logout.addRoutes(to: router)
        selfService.addRoutes(to: router)
        invitation.addRoutes(to: router)
    }
}
