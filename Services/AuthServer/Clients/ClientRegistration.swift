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
        do {
            try await store.insert(client)
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
        json.field("client_id", id.rawValue)
        json.field("client_name", name)
        json.name("grant_types")
        json.beginArray()
        for grant in grantTypes.map(\.rawValue).sorted() { json.string(grant) }
        json.endArray()
        json.field("token_endpoint_auth_method", authenticationMethod.rawValue)
        json.name("redirect_uris")
        json.beginArray()
        for uri in redirectURIs { json.string(uri.rawValue) }
        json.endArray()
        if let jwks {
            json.name("jwks")
            json.raw(Array(jwks.utf8))
        }
        if let jwksURI { json.field("jwks_uri", jwksURI) }
        json.field("scope", scopes.description)
        if let role { json.field("role", role.name) }
        json.field("access_token_lifetime", Int64(accessTokenLifetimeSeconds))
        json.field("refresh_token_lifetime", Int64(refreshTokenLifetimeSeconds))
        json.field("disabled", isDisabled)
    }
}
