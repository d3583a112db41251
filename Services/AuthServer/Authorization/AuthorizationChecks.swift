import OAuth
import Tenancy

/// One thing that must be true of a request whose client and redirect URI are known; what is not is told to the client.
protocol AuthorizationCheck: Sendable {
    func check(_ attempt: inout AuthorizationAttempt) throws(AuthorizationError)
}

/// Everything that is checked before a person is asked anything, in this order.
struct AuthorizationChecks: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory
    let issuers: Issuers
    let checks: [any AuthorizationCheck]

    init(tenants: TenantDirectory, clients: ClientDirectory, issuers: Issuers, audience: String) {
        (self.tenants, self.clients, self.issuers) = (tenants, clients, issuers)
        checks = [
            MayUseCodes(),
            ResponseModeReachesClient(),
            ResourceIsServed(audience: audience),
            ScopesMayBeHad(),
        ]
    }

    /// - Parameters:
    ///   - text: the query or the form, not yet decoded.
    ///   - named: the tenant that path, header or subdomain name; nil on the root endpoint, where the client's own decides.
    func run(_ text: [UInt8], named: Tenant?) async throws -> AuthorizationAttempt {
        let parameters = try ParametersAreWellFormed().parse(text, named)
        let (client, tenant) = try await ClientIsKnown(tenants: tenants, clients: clients).find(parameters, named)
        let redirectURI = try RedirectURIIsRegistered().find(parameters, client, tenant)
        let reply = try ReplyIsPossible().reply(
            parameters, redirectURI: redirectURI, issuer: issuers.issuer(of: tenant.slug), client, tenant)
        do {
            let request = try AuthorizationRequest(parameters)
            var attempt = AuthorizationAttempt(
                tenant: tenant, client: client, reply: reply, request: request, scopes: .empty,
                parameters: String(decoding: text, as: UTF8.self)
            )
            for check in checks { try check.check(&attempt) }
            return attempt
        } catch {
            throw AuthorizationFailure.told(reply, error, client, tenant)
        }
    }
}
