internal import COpenSSL

/// SHA-1, for looking things up that others have filed under it. Nothing is to rely on it for security.
public enum SHA1 {
    /// 20 bytes.
    ///
    /// - Throws: `.openSSL` where the system's policy forbids it.
    public static func hash(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        let algorithm = try Algorithms.sha1.get().pointer
        ERR_clear_error()
        var hash = [UInt8](repeating: 0, count: 20)
        let status = bytes.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, &hash, nil, algorithm, nil) }
        try require(status: status, "SHA-1")
        return hash
    }
}
