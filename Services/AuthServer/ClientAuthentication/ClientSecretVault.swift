import Cryptography
import OAuth
import Tenancy

/// Seals under the master key the secrets of clients that use them as HMAC keys (`client_secret_jwt`).
struct ClientSecretVault: Sendable {
    let masterKey: SealingKey

    func seal(_ secret: OpaqueSecret, of client: ClientID, in tenant: TenantID) throws -> [UInt8] {
        try masterKey.seal(Array(secret.rawValue.utf8), authenticating: Self.context(client, tenant))
    }

    /// - Returns: the secret as UTF-8.
    func open(_ sealed: [UInt8], of client: ClientID, in tenant: TenantID) throws -> SecretBytes {
        do {
            return SecretBytes(try masterKey.open(sealed, authenticating: Self.context(client, tenant)))
        } catch CryptoError.authenticationFailed {
            throw StoredDataError(
                "auth.client_secret of client \(client) of tenant \(tenant): cannot be opened. It was sealed with another master key: "
                    + "set SALLYPORT_MASTER_KEY_FILE to the one in use when the secret was made, or rotate the secret"
            )
        }
    }

    /// Binds a sealed secret to its client, so that it cannot be moved to another's.
    private static func context(_ client: ClientID, _ tenant: TenantID) -> [UInt8] {
        Array("client-secret \(tenant) \(client)".utf8)
    }
}
