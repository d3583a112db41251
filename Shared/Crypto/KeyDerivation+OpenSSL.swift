internal import COpenSSL

extension PBKDF2 {
    /// - Parameters:
    ///   - iterations: at least 1.
    ///   - byteCount: how many bytes to derive, at least 1.
    /// - Throws: `.invalidInput` for numbers out of range; `.openSSL` where the system's policy forbids the hash.
    public static func derive(password: [UInt8], salt: [UInt8], iterations: Int, byteCount: Int, hash: Hash)
        throws(CryptoError) -> [UInt8]
    {
        guard let iterations = Int32(exactly: iterations), iterations > 0, let count = Int32(exactly: byteCount), count > 0,
            let passwordCount = Int32(exactly: password.count), let saltCount = Int32(exactly: salt.count)
        else { throw .invalidInput("a number of PBKDF2 is out of range") }
        let algorithm = try hash.algorithm.get().pointer
        ERR_clear_error()
        var key = [UInt8](repeating: 0, count: byteCount)
        let status = password.withUnsafeBytes { password in
            PKCS5_PBKDF2_HMAC(
                password.baseAddress?.assumingMemoryBound(to: CChar.self), passwordCount, salt, saltCount, iterations, algorithm, count,
                &key)
        }
        try require(status: status, "PBKDF2")
        return key
    }
}

extension PBKDF2.Hash {
    fileprivate var algorithm: Result<Handle, CryptoError> {
        switch self {
        case .sha1: Algorithms.sha1
        case .sha256: Algorithms.sha256
        case .sha512: Algorithms.sha512
        }
    }
}

extension Scrypt {
    /// - Parameters:
    ///   - byteCount: how many bytes to derive, at least 1.
    ///   - maximumMemoryBytes: refuses parameters that need more.
    /// - Throws: `.invalidInput` for numbers out of range; `.openSSL` for parameters that RFC 7914 does not allow or that need more memory.
    public static func derive(password: [UInt8], salt: [UInt8], parameters: Parameters, byteCount: Int, maximumMemoryBytes: Int)
        throws(CryptoError) -> [UInt8]
    {
        guard let cost = UInt64(exactly: parameters.cost), let blockSize = UInt64(exactly: parameters.blockSize),
            let parallelization = UInt64(exactly: parameters.parallelization), let memory = UInt64(exactly: maximumMemoryBytes),
            byteCount > 0
        else { throw .invalidInput("a number of scrypt is out of range") }
        ERR_clear_error()
        var key = [UInt8](repeating: 0, count: byteCount)
        let status = password.withUnsafeBytes { password in
            EVP_PBE_scrypt(
                password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt, salt.count, cost, blockSize,
                parallelization, memory, &key, key.count)
        }
        try require(status: status, "scrypt")
        return key
    }
}
