import Cryptography
import OAuth
import ServiceKit
import Tenancy

/// Decides who the client is, and in which tenant (RFC 6749 §2.3, RFC 7521 §4.2).
struct ClientAuthenticator: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory
    let assertions: ClientAssertions
    let clock: WallClock

    /// - Parameters:
    ///   - named: the tenant that path, header or subdomain name; nil on the root endpoint, where the client's own decides.
    ///   - endpoint: where the client asks.
    /// - Returns: the client, its tenant, and until when the same credentials are good again, in seconds since 1970; nil: they are used up.
    /// - Throws: `invalid_client`, the same for every cause.
    func authenticate(
        _ credentials: PresentedCredentials, named: Tenant?, at endpoint: ClientEndpoint = .token
    ) async throws -> (Client, Tenant, validUntil: Int64?) {
        guard let clientID = ClientID(credentials.clientID) else { throw credentials.refusal }
        let secret = credentials.proof.secret.flatMap { OpaqueSecret(parsing: $0, as: .clientSecret) }
        if credentials.proof.secret != nil, secret == nil { throw credentials.refusal }

        guard let tenant = try await tenant(of: clientID, named: named),
            let client = try await clients.find(clientID, in: tenant.id), !client.isDisabled,
            credentials.proof.suits(client.authenticationMethod)
        else { throw credentials.refusal }
        switch credentials.proof {
        case .nothing:
            return (client, tenant, .max)
        case .basic, .post:
            guard let secret, let validUntil = validity(of: secret, for: client) else { throw credentials.refusal }
            return (client, tenant, validUntil)
        case .assertion(let assertion):
            try await assertions.spend(assertion, of: client, in: tenant, at: endpoint)
            return (client, tenant, nil)
        }
    }

    private func tenant(of client: ClientID, named: Tenant?) async throws -> Tenant? {
        if let named { return named }
        guard let id = try await clients.tenant(of: client), let tenant = try await tenants.find(id), !tenant.isDisabled else { return nil }
        return tenant
    }

    /// Until when the secret is good; nil where it is not.
    private func validity(of secret: OpaqueSecret, for client: Client) -> Int64? {
        let hash = secret.hash
        let now = clock.now
        var validity: Int64?
        for stored in client.secrets where constantTimeEqual(stored.hash, hash) {
            let end = stored.expiresAt ?? .max
            if end > now { validity = end }
        }
        return validity
    }
}
