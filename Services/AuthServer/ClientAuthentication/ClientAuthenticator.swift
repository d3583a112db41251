import Cryptography
import OAuth
import ServiceKit
import Tenancy

/// Decides who the client is, and in which tenant (RFC 6749 §2.3).
struct ClientAuthenticator: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory
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
        let presented = OpaqueSecret(parsing: credentials.secret, as: .clientSecret)
        if credentials.method.usesSecret, presented == nil { throw credentials.refusal }

        guard let tenant = try await tenant(of: clientID, named: named),
            let client = try await clients.find(clientID, in: tenant.id), !client.isDisabled,
            client.authenticationMethod == credentials.method
        else { throw credentials.refusal }
        guard let presented else { return (client, tenant, .max) }
        guard let validUntil = validity(of: presented, for: client) else { throw credentials.refusal }
        return (client, tenant, validUntil)
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
