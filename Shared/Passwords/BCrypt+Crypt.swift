internal import CCrypt
internal import CSodium
internal import Cryptography

/// bcrypt by the system's libcrypt.
enum BCrypt {
    /// A password with a NUL never matches: bcrypt would see only what stands before it.
    static func verify(_ password: [UInt8], _ hash: BCryptHash) throws -> Bool {
        guard hash.isPrehashed || !password.contains(0) else { return false }
        let digits = String(hash.cost)
        // 2a, 2b and 2y name the same function; they tell apart which mistakes the writer's implementation had.
        let setting = "$2b$\(digits.utf8.count == 1 ? "0" : "")\(digits)$\(hash.salt)"
        var phrase = hash.isPrehashed ? HashText.lowerHex(SHA256.hash(password)) : Array(password.prefix(72))
        phrase.append(0)
        defer { wipe(&phrase) }
        let result = try crypt(phrase, setting)
        guard result.count == 60 else { return false }
        return constantTimeEqual(Array(result.suffix(31)), Array(hash.hash.utf8))
    }

    private static func crypt(_ phrase: [UInt8], _ setting: String) throws -> [UInt8] {
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        defer {
            sodium_memzero(data, MemoryLayout<crypt_data>.size)
            data.deallocate()
        }
        sodium_memzero(data, MemoryLayout<crypt_data>.size)
        let result = phrase.withUnsafeBytes { crypt_r($0.baseAddress?.assumingMemoryBound(to: CChar.self), setting, data) }
        guard let result, result[0] == CChar(bitPattern: UInt8(ascii: "$")) else { throw OutOfMemory() }
        return Array(String(cString: result).utf8)
    }
}
