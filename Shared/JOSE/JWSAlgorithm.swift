public import Cryptography

/// The signature algorithms of RFC 7518 §3.1 and RFC 8037 §3.1; `none` is not one of them.
public enum JWSAlgorithm: String, Sendable, Hashable, CaseIterable {
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case edDSA = "EdDSA"
    case hs256 = "HS256"
    case hs384 = "HS384"
    case hs512 = "HS512"

    /// Those with a public key to verify with.
    public static let asymmetric = allCases.filter(\.isAsymmetric)

    public var isAsymmetric: Bool { hmacDigest == nil }

    /// The signature scheme of an asymmetric algorithm; `nil` for HMAC.
    public var scheme: SignatureScheme? {
        switch self {
        case .es256: .ecdsaP256SHA256
        case .es384: .ecdsaP384SHA384
        case .es512: .ecdsaP521SHA512
        case .rs256: .rsaPKCS1(.sha256)
        case .rs384: .rsaPKCS1(.sha384)
        case .rs512: .rsaPKCS1(.sha512)
        case .ps256: .rsaPSS(.sha256)
        case .ps384: .rsaPSS(.sha384)
        case .ps512: .rsaPSS(.sha512)
        case .edDSA: .ed25519
        case .hs256, .hs384, .hs512: nil
        }
    }

    /// The hash of an HMAC algorithm; `nil` for the others.
    public var hmacDigest: Digest? {
        switch self {
        case .hs256: .sha256
        case .hs384: .sha384
        case .hs512: .sha512
        default: nil
        }
    }

    /// Whether a key of this type can serve the algorithm.
    public func suits(_ type: KeyType) -> Bool {
        scheme?.suits(type) ?? false
    }

    /// The key type to generate for this algorithm; `nil` for HMAC.
    ///
    /// - Parameter rsaBits: length of an RSA key.
    public func keyType(rsaBits: Int = 2048) -> KeyType? {
        switch self {
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        case .edDSA: .ed25519
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa(bits: rsaBits)
        case .hs256, .hs384, .hs512: nil
        }
    }

    /// The one algorithm that a key of this type can serve; `nil` for RSA, which serves six.
    public static func only(for type: KeyType) -> JWSAlgorithm? {
        switch type {
        case .p256: .es256
        case .p384: .es384
        case .p521: .es512
        case .ed25519: .edDSA
        case .rsa: nil
        }
    }
}
