/// The numbers that make a public key: big-endian bytes.
public enum PublicKeyComponents: Sendable, Hashable {
    /// Without leading zeros.
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// Each coordinate as long as the curve's `byteCount`.
    case elliptic(EllipticCurve, x: [UInt8], y: [UInt8])
    /// 32 bytes (RFC 8032 §5.1.5).
    case ed25519([UInt8])
}

/// The numbers that make a private key: secret. Prints none of them.
public enum PrivateKeyComponents: Sendable, CustomStringConvertible {
    case rsa(RSAPrivateComponents)
    /// - Parameter d: as long as the curve's `byteCount`.
    case elliptic(EllipticCurve, x: [UInt8], y: [UInt8], d: [UInt8])
    /// - Parameter seed: the 32 bytes that RFC 8032 calls the private key.
    case ed25519(publicKey: [UInt8], seed: [UInt8])

    public var description: String { "private key components" }
}

/// A two-prime RSA private key (RFC 8017 §3.2): big-endian bytes without leading zeros.
public struct RSAPrivateComponents: Sendable, CustomStringConvertible {
    public var modulus: [UInt8]
    public var publicExponent: [UInt8]
    public var privateExponent: [UInt8]
    public var primeP: [UInt8]
    public var primeQ: [UInt8]
    public var exponentP: [UInt8]
    public var exponentQ: [UInt8]
    public var coefficient: [UInt8]

    public init(
        modulus: [UInt8], publicExponent: [UInt8], privateExponent: [UInt8], primeP: [UInt8], primeQ: [UInt8], exponentP: [UInt8],
        exponentQ: [UInt8], coefficient: [UInt8]
    ) {
        self.modulus = modulus
        self.publicExponent = publicExponent
        self.privateExponent = privateExponent
        self.primeP = primeP
        self.primeQ = primeQ
        self.exponentP = exponentP
        self.exponentQ = exponentQ
        self.coefficient = coefficient
    }

    public var description: String { "RSA private key components" }
}
