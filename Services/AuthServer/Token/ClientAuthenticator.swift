import Cryptography
import OAuth
import ServiceKit
import Tenancy

/// Decides who the client is, and in which tenant (RFC 6749 §2.3).
struct ClientAuthenticator: Sendable {
    let tenants: TenantDirectory
    let clients: ClientDirectory
    let clock: WallClock

    /// - Parameter named: the tenant that path, header or subdomain name; nil on the root endpoint, where the client's own decides.
    /// - Throws: `invalid_client`, the same for every cause.
    func authenticate(_ credentials: PresentedCredentials, named: Tenant?) async throws -> (Client, Tenant) {
        guard let clientID = ClientID(credentials.clientID) else { throw credentials.refusal }
        let presented = OpaqueSecret(parsing: credentials.secret, as: .clientSecret)
        if credentials.method.usesSecret, presented == nil { throw credentials.refusal }

        guard let tenant = try await tenant(of: clientID, named: named),
            let client = try await clients.find(clientID, in: tenant.id), !client.isDisabled,
            client.authenticationMethod == credentials.method
        else { throw credentials.refusal }
        if let presented {
            guard isValid(presented, for: client) else { throw credentials.refusal }
        }
        return (client, tenant)
    }

    private func tenant(of client: ClientID, named: Tenant?) async throws -> Tenant? {
        if let named { return named }
        guard let id = try await clients.tenant(of: client), let tenant = try await tenants.find(id), !tenant.isDisabled else { return nil }
        return tenant
    }

    private func isValid(_ secret: OpaqueSecret, for client: Client) -> Bool {
        let hash = secret.hash
        let now = clock.now
        return client.secrets.reduce(false) { found, stored in
            let isCurrent = stored.expiresAt.map { $0 > now } ?? true
            return constantTimeEqual(stored.hash, hash) && isCurrent || found
        }
    }
}
