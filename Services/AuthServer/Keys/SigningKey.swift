import Cryptography
import FoundationEssentials
import JOSE
import JSON
import Postgres
import Tenancy

/// Where a signing key is in its life.
enum SigningKeyState: String, Sendable {
    /// Published, so that verifiers know it before it signs.
    case next
    case active
    /// Signs no more; verifies what it signed until the last of it has expired.
    case retiring
    /// No longer published; its private half is destroyed.
    case retired
}

/// A signing key as it is stored: the private half sealed.
struct SealedSigningKey: Sendable, Hashable {
    let keyID: String
    let algorithm: JWSAlgorithm
    let state: SigningKeyState
    /// The public JWK as JSON text, `kid`, `alg` and `use` included.
    let publicJWK: String
    /// Nil once the key is retired.
    let sealedPrivateKey: [UInt8]?
    let createdAt: Date
    let activatedAt: Date?
    /// When a retiring key has outlived the last token it signed.
    let retireAfter: Date?

    /// A retiring key whose time has passed is retired, whether or not the row says so yet.
    func isPublished(at now: Int64) -> Bool {
        switch state {
        case .next, .active: true
        case .retiring: retireAfter.map { Int64($0.timeIntervalSince1970) > now } ?? false
        case .retired: false
        }
    }

    func insertion(tenant: TenantID) -> SQL {
        """
        INSERT INTO auth.signing_key (tenant_id, key_id, algorithm, state, public_jwk, sealed_private_key, activated_at, retire_after)
        VALUES (\(tenant.rawValue), \(keyID), \(algorithm.rawValue), \(state.rawValue), \(publicJWK), \(sealedPrivateKey), \(activatedAt),
                \(retireAfter))
        """
    }
}

/// Makes, seals and opens signing keys under the platform's master key.
struct KeyVault: Sendable {
    let masterKey: SealingKey

    /// A new key for `algorithm`; RSA keys have 2048 bits unless more are asked for.
    func generate(_ algorithm: JWSAlgorithm, state: SigningKeyState, tenant: TenantID, now: Date) throws -> SealedSigningKey {
        try seal(PrivateKey.generate(algorithm.keyType), algorithm: algorithm, keyID: nil, state: state, tenant: tenant, now: now)
    }

    /// - Parameter keyID: nil for the RFC 7638 thumbprint.
    func seal(
        _ key: PrivateKey, algorithm: JWSAlgorithm, keyID: String?, state: SigningKeyState, tenant: TenantID, now: Date,
        retireAfter: Date? = nil
    ) throws -> SealedSigningKey {
        let jwk = try JWK(key.publicKey, algorithm: algorithm, keyID: keyID)
        guard let keyID = jwk.keyID, let publicJWK = jwk.publicJSON else { throw CommandFailure("the key has no public half") }
        return SealedSigningKey(
            keyID: keyID,
            algorithm: algorithm,
            state: state,
            publicJWK: String(decoding: JSONValue.object(publicJWK).serialized(), as: UTF8.self),
            sealedPrivateKey: try masterKey.seal(try key.pkcs8DER, authenticating: Self.context(tenant, keyID)),
            createdAt: now,
            activatedAt: state == .active ? now : nil,
            retireAfter: retireAfter
        )
    }

    func open(_ key: SealedSigningKey, tenant: TenantID) throws -> PrivateKey {
        guard let sealed = key.sealedPrivateKey else { throw StoredDataError("auth.signing_key \(key.keyID): has no private key") }
        do {
            return try PrivateKey(trustedPKCS8DER: masterKey.open(sealed, authenticating: Self.context(tenant, key.keyID)))
        } catch CryptoError.authenticationFailed {
            throw StoredDataError(
                "auth.signing_key \(key.keyID) of tenant \(tenant): cannot be opened. It was sealed with another master key: "
                    + "set SALLYPORT_MASTER_KEY_FILE to the one in use when the key was made"
            )
        }
    }

    /// Binds a sealed key to its row, so that it cannot be moved to another.
    static func context(_ tenant: TenantID, _ keyID: String) -> [UInt8] {
        Array("signing-key \(tenant) \(keyID)".utf8)
    }
}

extension JWSAlgorithm {
    /// What kind of key signs with this algorithm.
    var keyType: KeyType {
        switch self {
        case .es256: .p256
        case .es384: .p384
        case .edDSA: .ed25519
        default: .rsa(bits: 2048)
        }
    }

    /// What a tenant may sign with: asymmetric, so that verifiers hold nothing worth stealing.
    static let signing: [JWSAlgorithm] = [.es256, .es384, .edDSA, .rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
}
