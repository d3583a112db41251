import Cryptography
import JOSE
import JSON
import OAuth
import Tenancy

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
