/// What goes wrong in cryptography. No case ever carries key material or plaintext.
public enum CryptoError: Error, Sendable, Hashable, CustomStringConvertible {
    /// libcrypto refused: the operation as we name it, and libcrypto's own reason.
    case openSSL(operation: String, reason: String)

    /// A key that cannot be read, does not hold together, or is of a kind or size that is not accepted.
    case invalidKey(String)

    /// An argument that no key would make valid, such as a scheme that does not suit the key.
    case invalidInput(String)

    /// A sealed message was changed, cut, or sealed with another key or other authenticated data.
    case authenticationFailed

    public var description: String {
        switch self {
        case .openSSL(let operation, let reason): "\(operation) failed: \(reason)"
        case .invalidKey(let message): "invalid key: \(message)"
        case .invalidInput(let message): "invalid input: \(message)"
        case .authenticationFailed: "authentication failed"
        }
    }
}
