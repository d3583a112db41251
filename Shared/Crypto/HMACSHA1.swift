/// HMAC with SHA-1 (RFC 2104), for one-time passwords (RFC 4226), which know no other function in practice. Nothing new is to use it.
public enum HMACSHA1 {
    private static let blockBytes = 64

    /// 20 bytes.
    ///
    /// - Throws: `.openSSL` where the system's policy forbids SHA-1.
    public static func authenticate(_ message: [UInt8], key: [UInt8]) throws(CryptoError) -> [UInt8] {
        var key = key.count > blockBytes ? try SHA1.hash(key) : key
        key += [UInt8](repeating: 0, count: blockBytes - key.count)
        defer { wipe(&key) }
        let inner = try SHA1.hash(key.map { $0 ^ 0x36 } + message)
        return try SHA1.hash(key.map { $0 ^ 0x5c } + inner)
    }
}
