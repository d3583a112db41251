/// A signature algorithm together with its hash.
public enum SignatureScheme: Sendable, Hashable {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
    case rsaPKCS1(Digest)
    /// RSASSA-PSS (RFC 8017 §8.1) with MGF1 of the same hash and a salt as long as the hash.
    case rsaPSS(Digest)
    case ecdsaP256SHA256
    case ecdsaP384SHA384
    case ecdsaP521SHA512
    case ed25519

    /// The hash that is signed; Ed25519 signs the message itself.
    public var digest: Digest? {
        switch self {
        case .rsaPKCS1(let digest), .rsaPSS(let digest): digest
        case .ecdsaP256SHA256: .sha256
        case .ecdsaP384SHA384: .sha384
        case .ecdsaP521SHA512: .sha512
        case .ed25519: nil
        }
    }

    /// Whether a key of this type can use the scheme.
    public func suits(_ type: KeyType) -> Bool {
        switch (self, type) {
        case (.rsaPKCS1, .rsa), (.rsaPSS, .rsa), (.ecdsaP256SHA256, .p256), (.ecdsaP384SHA384, .p384), (.ecdsaP521SHA512, .p521),
            (.ed25519, .ed25519):
            true
        default: false
        }
    }
}
