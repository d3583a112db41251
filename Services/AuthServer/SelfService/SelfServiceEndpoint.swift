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
        let rows = try await sessions.all(of: account.id, in: nil).map { entry in
            SessionsPage.Session(
                id: entry.id.uuidString.lowercased(), device: DeviceName.describe(entry.userAgent), address: entry.address,
                signedInAt: entry.createdAt, lastSeenAt: entry.lastSeenAt, isCurrent: entry.id == current.id
            )
        }
        return visit.page(
            SessionsPage(
                brand: visit.brand, form: PageForm(action: action, csrfToken: try await forms.formGuard.token(for: action, visit.browser)),
                account: PageAccount(account), sessions: rows, now: clock.now, notice: notice,
                applications: PageLink(visit.path("applications"))
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
        let nothing = SignOutWish(clientID: nil, redirectURI: nil, state: nil)
        func endOthers() async throws {
            for entry in try await sessions.all(of: account.id, in: nil) where entry.id != current.id {
                _ = try await sessions.end(entry.id, of: account.id, origin: visit.origin)
            }
        }
        switch form[PageField.action].flatMap({ PageAction(rawValue: $0) }) {
        case .signOutOthers:
            try await endOthers()
            return try await list(visit, notice: .endedOthers)
        case .signOutEverywhere:
            try await endOthers()
            return try await logout.end(nothing, visit)
        default:
            guard let wanted = form[PageField.session].flatMap({ UUID(uuidString: $0) }) else { return try await list(visit) }
            if wanted == current.id { return try await logout.end(nothing, visit) }
            let isEnded = try await sessions.end(wanted, of: account.id, origin: visit.origin)
            return try await list(visit, notice: isEnded ? .endedOne : nil)
        }
    }
}
