import HTTPTypes
import Hummingbird
import OAuth
import ServiceKit
import Tenancy

/// `/applications` and `/t/{tenant}/applications`: what a person has allowed which clients, to be withdrawn.
struct ApplicationsEndpoint: Sendable {
    let requestTenant: RequestTenant
    let sessions: Sessions
    let accounts: AccountStore
    let consents: Consents
    let forms: InteractionForms

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for prefix in ["", "t/:tenant/"] {
            router.route(
                RouterPath(prefix + "applications"),
                [.get: { try await list(visit($0, $1)) }, .post: { try await withdraw(visit($0, $1)) }]
            )
        }
    }

    private func visit(_ request: Request, _ context: ServiceContext) async throws -> Visit {
        Visit(request, context, tenant: try await requestTenant.find(request, context))
    }

    /// The tenant whose page it is; on the platform's own page every tenant of the person.
    private func tenants(_ visit: Visit, _ account: AccountID) async throws -> [Tenant] {
        if let tenant = visit.tenant { return [tenant] }
        return try await accounts.memberships(of: account).map(\.tenant)
    }

    private func list(_ visit: Visit, notice: ApplicationsPage.Notice? = nil) async throws -> Response {
        guard let (_, account) = try await sessions.find(visit.request) else { return visit.redirect(to: visit.path("sign-in")) }
        var applications: [ApplicationsPage.Application] = []
        for tenant in try await tenants(visit, account.id) {
            applications += try await consents.all(of: account.id, in: tenant.id).map { consent in
                ApplicationsPage.Application(
                    id: "\(tenant.slug) \(consent.client.rawValue)", name: consent.clientName,
                    tenantName: visit.tenant == nil ? tenant.name : nil, scopes: consent.scopes.scopes.map(\.rawValue),
                    allowedAt: consent.givenAt
                )
            }
        }
        let action = visit.path("applications")
        return visit.page(
            ApplicationsPage(
                brand: visit.brand, form: PageForm(action: action, csrfToken: try await forms.formGuard.token(for: action, visit.browser)),
                account: PageAccount(account), applications: applications, notice: notice, sessions: PageLink(visit.path("sessions"))
            )
        )
    }

    private func withdraw(_ visit: Visit) async throws -> Response {
        let form: FormParameters
        switch try await ReceivedForm.read(visit, action: visit.path("applications"), forms.formGuard) {
        case .refused(let response): return response
        case .genuine(let parameters): form = parameters
        }
        guard let (_, account) = try await sessions.find(visit.request) else { return visit.redirect(to: visit.path("sign-in")) }
        let words = (form[PageField.application] ?? "").split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, let client = ClientID(words[1]),
            let tenant = try await tenants(visit, account.id).first(where: { $0.slug.rawValue == words[0] })
        else { return try await list(visit) }
        let isWithdrawn = try await consents.withdraw(from: client, by: account.id, in: tenant.id, origin: visit.origin)
        return try await list(visit, notice: isWithdrawn ? .withdrawn : nil)
    }
}
