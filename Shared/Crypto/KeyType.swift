/// The kinds of asymmetric keys.
public enum KeyType: Sendable, Hashable {
    /// - Parameter bits: length of the modulus, `minimumRSABits` to `maximumRSABits`.
    case rsa(bits: Int)
    case p256
    case p384
    case p521
    case ed25519

    /// RFC 7518 §3.3 forbids shorter keys.
    public static let minimumRSABits = 2048

    /// Longer keys only cost time.
    public static let maximumRSABits = 8192

    var curve: EllipticCurve? {
        switch self {
        case .p256: .p256
        case .p384: .p384
        case .p521: .p521
        case .rsa, .ed25519: nil
        }
    }
}

/// The NIST curves of RFC 7518 §6.2.1.1; the raw value is the `crv` name.
public enum EllipticCurve: String, Sendable, Hashable, CaseIterable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// Length in bytes of a coordinate, a private key, and each half of a signature.
    public var byteCount: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }

    public var keyType: KeyType {
        switch self {
        case .p256: .p256
        case .p384: .p384
        case .p521: .p521
        }
    }

    /// libcrypto's name.
    var groupName: String {
        switch self {
        case .p256: "prime256v1"
        case .p384: "secp384r1"
        case .p521: "secp521r1"
        }
    }
}
