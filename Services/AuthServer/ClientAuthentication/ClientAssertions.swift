import OAuth
import ServiceKit
import Tenancy

/// Accepts each client assertion once.
struct ClientAssertions: Sendable {
    let issuers: Issuers
    let keys: ClientAssertionKeys
    let store: ClientAssertionStore
    let clock: WallClock

    /// The signature, then the claims, then, in one statement, that the assertion was not used before.
    ///
    /// - Throws: ``ClientAssertionRefused``
    func spend(_ assertion: ClientAssertion, of client: Client, in tenant: Tenant, at endpoint: ClientEndpoint) async throws {
        do {
            let claims = try assertion.claims(verifiedWith: await keys.candidates(for: assertion.header, of: client))
            let rules = ClientAssertionRules(client: client.id, audiences: audiences(of: tenant, at: endpoint), now: clock.now)
            let (tokenID, expiresAt) = try rules.check(claims)
            guard try await store.spend(tokenID, expiresAt: expiresAt, of: client.id, in: tenant.id) else {
                throw ClientAssertionRefused("used before")
            }
        } catch let refusal as ClientAssertionRefused {
            throw ClientAssertionRefused("\(refusal.reason) (client \(client.id))")
        }
    }

    /// The issuer is what clients should name (draft-ietf-oauth-rfc7523bis). Those of today name the token endpoint, as OpenID Connect
    /// Core §9 has it, or the endpoint they call; and whoever knows this server by its root document, the base URL for the issuer.
    private func audiences(of tenant: Tenant, at endpoint: ClientEndpoint) -> [String] {
        let issuers = [issuers.issuer(of: tenant.slug), issuers.baseURL]
        return issuers + issuers.flatMap { issuer in Set([ClientEndpoint.token, endpoint]).map { "\(issuer)/\($0.rawValue)" } }
    }
}
