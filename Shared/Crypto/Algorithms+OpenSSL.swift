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

    /// Looks up every algorithm that is needed, so that a broken installation or configuration of OpenSSL is reported when a
    /// process starts and not in the middle of its work. Idempotent.
    ///
    /// - Throws: `.openSSL` with the reason for the first algorithm that is missing.
    public static func prepare() throws(CryptoError) {
        for algorithm in [Algorithms.sha256, Algorithms.sha384, Algorithms.sha512, Algorithms.hmac, Algorithms.aes256GCM] {
            _ = try algorithm.get()
        }
        _ = Digest.sha256.hash([])
        _ = SecureRandom.bytes(1)
    }
}
