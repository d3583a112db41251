import FoundationEssentials
import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// The pages that people come to by themselves: `/sign-in`, `/sign-out` and `/sessions`, and the same under `/t/{tenant}` with the tenant's looks.
struct SelfServiceEndpoint: Sendable {
    let requestTenant: RequestTenant
    let sessions: Sessions
    let forms: InteractionForms
    let logout: Logout
    let clock: WallClock

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for prefix in ["", "t/:tenant/"] {
            router.route(RouterPath(prefix + "sign-in"), [.get: { try await signIn(visit($0, $1)) }])
            router.route(RouterPath(prefix + "sign-out"), [.get: { try await signOut(visit($0, $1)) }])
            router.route(
                RouterPath(prefix + "sessions"),
                [.get: { try await list(visit($0, $1)) }, .post: { try await end(visit($0, $1)) }]
            )
        }
    }

    private func visit(_ request: Request, _ context: ServiceContext) async throws -> Visit {
        Visit(request, context, tenant: try await requestTenant.find(request, context))
    }

    private func signIn(_ visit: Visit) async throws -> Response {
        if try await sessions.find(visit.request) != nil { return visit.redirect(to: visit.path("sessions")) }
        let interaction = Interaction(.signIn, tenant: visit.tenant?.id, now: clock.now)
        let form = try await forms.form(.signIn, interaction, visit)
        return visit.page(SignInPage(brand: visit.brand, form: form, clientName: nil))
    }

    private func signOut(_ visit: Visit) async throws -> Response {
        guard let (_, account) = try await sessions.find(visit.request) else { return visit.page(SignedOutPage(brand: visit.brand)) }
        return try await logout.confirm(SignOutWish(clientID: nil, redirectURI: nil, state: nil), account, clientName: nil, visit)
    }

    // MARK: Sessions

    private func list(_ visit: Visit, notice: SessionsPage.Notice? = nil) async throws -> Response {
        guard let (current, account) = try await sessions.find(visit.request) else { return visit.redirect(to: visit.path("sign-in")) }
        let action = visit.path("sessions")
        let rows = try await sessions.all(of: account.id).map { listed in
            SessionsPage.Session(
                id: listed.session.id.uuidString.lowercased(), device: DeviceName.describe(listed.userAgent), address: listed.address,
                signedInAt: listed.session.authenticatedAt, lastSeenAt: listed.lastSeenAt, isCurrent: listed.session.id == current.id
            )
        }
        return visit.page(
            SessionsPage(
                brand: visit.brand, form: PageForm(action: action, csrfToken: try await forms.formGuard.token(for: action, visit.browser)),
                account: PageAccount(account), sessions: rows, now: clock.now, notice: notice
            )
        )
    }

    private func end(_ visit: Visit) async throws -> Response {
        let form: FormParameters
        switch try await ReceivedForm.read(visit, action: visit.path("sessions"), forms.formGuard) {
        case .refused(let response): return response
        case .genuine(let parameters): form = parameters
        }
        guard let (current, account) = try await sessions.find(visit.request) else { return visit.redirect(to: visit.path("sign-in")) }
        let all = try await sessions.all(of: account.id).map(\.session)
        switch form[PageField.action].flatMap({ PageAction(rawValue: $0) }) {
        case .signOutOthers:
            for session in all where session.id != current.id { try await sessions.end(session, origin: visit.origin) }
            return try await list(visit, notice: .endedOthers)
        case .signOutEverywhere:
            for session in all where session.id != current.id { try await sessions.end(session, origin: visit.origin) }
            return try await logout.end(SignOutWish(clientID: nil, redirectURI: nil, state: nil), visit)
        default:
            guard let wanted = form[PageField.session]?.lowercased(),
                let session = all.first(where: { $0.id.uuidString.lowercased() == wanted })
            else { return try await list(visit) }
            if session.id == current.id { return try await logout.end(SignOutWish(clientID: nil, redirectURI: nil, state: nil), visit) }
            try await sessions.end(session, origin: visit.origin)
            return try await list(visit, notice: .endedOne)
        }
    }
}
