internal import CSodium
internal import Glibc

/// The system had no memory for a hash.
struct OutOfMemory: Error {}

/// Argon2 by libsodium, in memory that the thread keeps from one hash to the next.
enum Argon2 {
    private static let isReady = sodium_init() >= 0

    /// 32 bytes.
    static func hash(_ password: [UInt8], salt: [UInt8], parameters: PasswordParameters, memory: HashMemory) throws -> [UInt8] {
        guard isReady, salt.count == crypto_pwhash_argon2id_saltbytes() else { throw OutOfMemory() }
        var hash = [UInt8](repeating: 0, count: 32)
        let status = memory.lend(kiB: parameters.memoryKiB, passes: parameters.passes) {
            password.withUnsafeBytes { password in
                crypto_pwhash_argon2id(
                    &hash, UInt64(hash.count), password.baseAddress?.assumingMemoryBound(to: CChar.self) ?? emptyText,
                    UInt64(password.count), salt, UInt64(parameters.passes), parameters.memoryKiB * 1024,
                    crypto_pwhash_argon2id_alg_argon2id13())
            }
        }
        guard status == 0 else { throw OutOfMemory() }
        return hash
    }

    static func verify(_ password: [UInt8], _ hash: Argon2Hash, memory: HashMemory) throws -> Bool {
        guard isReady else { throw OutOfMemory() }
        // libsodium runs several lanes one after the other, and says by errno whether the hash differs or could not be computed.
        let (status, reason) = memory.lend(kiB: hash.memoryKiB, passes: hash.passes) {
            password.withUnsafeBytes { bytes -> (Int32, Int32) in
                let password = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? emptyText
                errno = 0
                let status =
                    switch hash.variant {
                    case .argon2id: crypto_pwhash_argon2id_str_verify(hash.phc, password, UInt64(bytes.count))
                    case .argon2i: crypto_pwhash_argon2i_str_verify(hash.phc, password, UInt64(bytes.count))
                    }
                return (status, errno)
            }
        }
        if status == 0 { return true }
        guard reason == EINVAL else { throw OutOfMemory() }
        return false
    }

    // Never written; an empty array may have no address, and libsodium's parameter wants one.
    private nonisolated(unsafe) static let emptyText: UnsafePointer<CChar> = {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        text.initialize(to: 0)
        return UnsafePointer(text)
    }()
}

/// Overwrites the bytes of an array that nobody shares.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { bytes in
        if let start = bytes.baseAddress { sodium_memzero(start, bytes.count) }
    }
}
