/// PBKDF2 with HMAC (RFC 8018 §5.2). Slow by purpose: not for the cooperative threads.
public enum PBKDF2 {
    /// What HMAC runs on. SHA-1 is for what others have stored.
    public enum Hash: Sendable, Hashable, CaseIterable {
        case sha1
        case sha256
        case sha512

        /// Length of the hash in bytes.
        public var byteCount: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .sha512: 64
            }
        }
    }
}

/// scrypt (RFC 7914). Slow and hungry by purpose: not for the cooperative threads.
public enum Scrypt {
    /// `N`, `r` and `p` of RFC 7914 §2.
    public struct Parameters: Sendable, Hashable {
        public var cost: Int
        public var blockSize: Int
        public var parallelization: Int

        public init(cost: Int, blockSize: Int, parallelization: Int) {
            self.cost = cost
            self.blockSize = blockSize
            self.parallelization = parallelization
        }
    }
}
