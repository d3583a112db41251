import Cryptography
import FoundationEssentials
import JOSE
import JSON
import OAuth
import Postgres
import Tenancy

/// Registers clients and gives them secrets; the demo, the command line and the admin API share it.
struct ClientRegistration: Sendable {
    let store: ClientStore
    /// Asked for only where a secret must be sealed.
    let vault: @Sendable () throws -> ClientSecretVault

    init(_ store: ClientStore, vault: @Sendable @escaping () throws -> ClientSecretVault) {
        self.store = store
        self.vault = vault
    }

    init(_ administration: Administration) {
        self.init(administration.clients) { try administration.clientSecretVault() }
    }

    /// - Returns: the secret in clear, or nil for a client without one. It is stored for `client_secret_jwt` only, and sealed.
    func register(_ client: Client) async throws -> OpaqueSecret? {
        var client = client
        let secret = client.authenticationMethod.usesSecret ? OpaqueSecret.generate(.clientSecret) : nil
        client.secrets = try secret.map { [Client.Secret(hash: $0.hash, expiresAt: nil, sealedSecret: try seal($0, for: client))] } ?? []
        do {
            try await store.insert(client)
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw CommandFailure("the client_id ‘\(client.id)’ is taken")
        }
        return secret
    }

    /// - Returns: the new secret in clear; the one before stays valid for `overlapSeconds`.
    func rotateSecret(of client: Client, overlapSeconds: Int) async throws -> OpaqueSecret {
        let secret = OpaqueSecret.generate(.clientSecret)
        try await store.rotateSecret(
            of: client.id, in: client.tenantID, to: secret.hash, sealed: seal(secret, for: client), overlapSeconds: overlapSeconds
        )
        return secret
    }

    private func seal(_ secret: OpaqueSecret, for client: Client) throws -> [UInt8]? {
        guard client.authenticationMethod == .clientSecretJWT else { return nil }
        return try vault().seal(secret, of: client.id, in: client.tenantID)
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
