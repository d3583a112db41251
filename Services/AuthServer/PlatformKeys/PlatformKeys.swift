import Cryptography
import Synchronization

/// What a platform key is for; each purpose has a key of its own.
enum PlatformKeyName: String, Sendable, Hashable, CaseIterable {
    /// Derives a refresh token from its predecessor.
    case refreshChain = "refresh-chain"
    /// Makes pairwise subjects (OpenID Connect Core §8.1).
    case pairwise
    /// Seals authorization requests that travel through the sign-in pages' forms.
    case interaction
    case csrf
    /// Marks browsers in which an account has signed in before.
    case device
}

/// Keys that all instances share and no tenant owns: 256 random bits each, made by whoever needs one first.
final class PlatformKeys: Sendable {
    private let store: PlatformKeyStore
    private let masterKey: SealingKey
    private let known = Mutex<[PlatformKeyName: [UInt8]]>([:])

    init(store: PlatformKeyStore, masterKey: SealingKey) {
        self.store = store
        self.masterKey = masterKey
    }

    /// 32 bytes; read from the database once.
    func key(_ name: PlatformKeyName) async throws -> [UInt8] {
        if let key = known.withLock({ $0[name] }) { return key }
        let sealed = try await store.keep(name, propose(name))
        let key = try open(sealed, name)
        known.withLock { $0[name] = key }
        return key
    }

    private func propose(_ name: PlatformKeyName) throws -> [UInt8] {
        let key = SecureRandom.bytes(32)
        return try masterKey.seal(key, authenticating: Self.context(name))
    }

    private func open(_ sealed: [UInt8], _ name: PlatformKeyName) throws -> [UInt8] {
        do {
            return try masterKey.open(sealed, authenticating: Self.context(name))
        } catch CryptoError.authenticationFailed {
            throw StoredDataError(
                "auth.platform_key \(name.rawValue): cannot be opened. It was sealed with another master key: "
                    + "set SALLYPORT_MASTER_KEY_FILE to the one in use when the key was made"
            )
        }
    }

    /// Binds a sealed key to its row.
    static func context(_ name: PlatformKeyName) -> [UInt8] {
        Array("platform-key \(name.rawValue)".utf8)
    }
}
