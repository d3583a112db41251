internal import COpenSSL

/// A pointer to a C object that may be used from any thread.
///
/// Unchecked because the compiler cannot see it: wrapped are only objects that libcrypto never changes after they are made (fetched
/// algorithms, keys) and contexts that pass from one owner to the next through a locked free list.
struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
}

/// Algorithms looked up once for the life of the process: in OpenSSL 3 the look-up costs more than a short digest.
enum Algorithms {
    static let sha1 = fetchDigest("SHA1")
    static let sha256 = fetchDigest("SHA2-256")
    static let sha384 = fetchDigest("SHA2-384")
    static let sha512 = fetchDigest("SHA2-512")
    static let hmac = fetch("HMAC") { EVP_MAC_fetch(nil, $0, nil) }
    static let aes256GCM = fetch("AES-256-GCM") { EVP_CIPHER_fetch(nil, $0, nil) }

    private static func fetchDigest(_ name: String) -> Result<Handle, CryptoError> {
        fetch(name) { EVP_MD_fetch(nil, $0, nil) }
    }

    private static func fetch(_ name: String, _ body: (String) -> OpaquePointer?) -> Result<Handle, CryptoError> {
        ERR_clear_error()
        guard let pointer = body(name) else { return .failure(.takeOpenSSL("looking up \(name)")) }
        return .success(Handle(pointer: pointer))
    }
}

/// The cryptographic library underneath.
public enum CryptoLibrary {
    /// The library's own name and version, such as "OpenSSL 3.0.19 27 Jan 2026".
    public static var version: String {
        OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "unknown"
    }

    /// Uses every kind of operation once: a broken installation or configuration of OpenSSL is reported when a process starts and not in
    /// the middle of its work. Idempotent.
    ///
    /// Call it before any other thread touches OpenSSL, libpq's included. OpenSSL 3.0 marks a provider's operations as loaded before
    /// they can be found, so a look-up that happens meanwhile in another thread fails as ‘unsupported’.
    ///
    /// - Throws: `.openSSL` with the reason for the first operation that fails.
    public static func prepare() throws(CryptoError) {
        try prepared.get()
    }

    private static let prepared = Result { () throws(CryptoError) in try useEverything() }

    private static func useEverything() throws(CryptoError) {
        for algorithm in [Algorithms.sha256, Algorithms.sha384, Algorithms.sha512, Algorithms.hmac, Algorithms.aes256GCM] {
            _ = try algorithm.get()
        }
        _ = Digest.sha256.hash([])
        _ = SecureRandom.bytes(1)
        _ = try HMAC(key: [0], digest: .sha256).authenticate([])
        // Some policies forbid these; only the passwords that need them are then refused.
        _ = try? PBKDF2.derive(password: [], salt: [0], iterations: 1, byteCount: 20, hash: .sha1)
        _ = try? Scrypt.derive(
            password: [], salt: [0], parameters: .init(cost: 2, blockSize: 1, parallelization: 1), byteCount: 16,
            maximumMemoryBytes: 1 << 20)
        let sealing = try SealingKey.generate()
        _ = try sealing.open(sealing.seal([]))
        for type in [KeyType.p256, .ed25519] {
            let key = try PrivateKey.generate(type)
            let scheme = type == .p256 ? SignatureScheme.ecdsaP256SHA256 : .ed25519
            let signature = try key.sign([], using: scheme)
            _ = try PrivateKey(pem: key.pemRepresentation)
            _ = try PrivateKey(trustedPKCS8DER: key.pkcs8DER)
            guard try PublicKey(pem: key.publicKey.pemRepresentation).isValidSignature(signature, for: [], using: scheme) else {
                throw .invalidKey("a key does not verify what it has signed")
            }
        }
    }
}
