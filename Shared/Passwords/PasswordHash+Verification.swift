internal import Cryptography

extension PasswordHash {
    /// Whether it is the hash of the password, given as bytes. Compares in constant time; costs what its parameters say.
    ///
    /// - Throws: `OutOfMemory`, `CryptoError`.
    func matches(_ password: [UInt8], memory: HashMemory) throws -> Bool {
        switch scheme {
        case .argon2(let hash):
            return try Argon2.verify(password, hash, memory: memory)
        case .bcrypt(let hash):
            return try BCrypt.verify(password, hash)
        case .pbkdf2(let function, let iterations, let salt, let hash):
            let derived = try PBKDF2.derive(
                password: password, salt: salt, iterations: iterations, byteCount: hash.count, hash: function)
            return constantTimeEqual(derived, hash)
        case .scrypt(let parameters, let salt, let hash):
            // libcrypto counts a little more than 128·N·r·p.
            let derived = try Scrypt.derive(
                password: password, salt: salt, parameters: parameters, byteCount: hash.count,
                maximumMemoryBytes: HashLimits.scryptBytes * 2 + (1 << 20))
            return constantTimeEqual(derived, hash)
        }
    }

    /// A new Argon2id hash with a random salt of 16 bytes.
    static func make(_ password: [UInt8], parameters: PasswordParameters, memory: HashMemory) throws -> PasswordHash {
        let salt = SecureRandom.bytes(16)
        let hash = try Argon2.hash(password, salt: salt, parameters: parameters, memory: memory)
        let settings = "m=\(parameters.memoryKiB),t=\(parameters.passes),p=1"
        return try PasswordHash("$argon2id$v=19$\(settings)$\(HashText.base64(salt))$\(HashText.base64(hash))")
    }
}
