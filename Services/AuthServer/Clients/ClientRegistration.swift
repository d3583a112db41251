import Cryptography
import FoundationEssentials
import JOSE
import JSON
import OAuth
import Postgres
import Tenancy

/// Registers clients; the demo and the command line share it.
struct ClientRegistration: Sendable {
    let store: ClientStore

    init(_ store: ClientStore) {
        self.store = store
    }

    /// - Returns: the secret in clear, which is stored nowhere, or nil for a client without one.
    func register(_ client: Client) async throws -> OpaqueSecret? {
        var client = client
        let secret = client.authenticationMethod.usesSecret ? OpaqueSecret.generate(.clientSecret) : nil
        client.secrets = secret.map { [Client.Secret(hash: $0.hash, expiresAt: nil)] } ?? []
        let created = Administrator.operator.event("client.created", on: "client", client.id.rawValue, [("name", .string(client.name))])
        do {
            _ = try await store.database.batch(
                ClientStore.insertions(client) + [created.insertion(in: client.tenantID)], settings: .tenant(client.tenantID.rawValue))
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw CommandFailure("the client_id ‘\(client.id)’ is taken")
        }
        return secret
    }
}

extension ClientID {
    /// 96 random bits: not secret, only unlike any other.
    static func generate() -> ClientID? {
        ClientID("spc_" + Base64URL.encode(SecureRandom.bytes(12)))
    }
}

extension Client {
    /// What a client is before any option is given.
    static func unconfigured(_ id: ClientID, in tenant: TenantID) -> Client {
        Client(
            id: id, tenantID: tenant, name: id.rawValue, grantTypes: [], authenticationMethod: .clientSecretBasic, redirectURIs: [],
            scopes: .empty, accessTokenLifetimeSeconds: 3600, refreshTokenLifetimeSeconds: 2_592_000, isDisabled: false, secrets: []
        )
    }

    /// The client metadata of RFC 7591 §2, without secrets.
    func write(to json: inout JSONWriter) {
        for (name, value) in metadata.members { json.field(name, value) }
    }
}
