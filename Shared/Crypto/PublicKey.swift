/// A public key that verifies. Safe from any thread; its memory goes with the last reference.
public final class PublicKey: Sendable, CustomStringConvertible {
    public let type: KeyType
    public let components: PublicKeyComponents

    private let handle: KeyHandle
    private let contexts: SignatureContexts

    init(_ handle: KeyHandle, isChecked: Bool) throws(CryptoError) {
        type = try handle.type()
        components = try handle.publicComponents(type)
        if !isChecked { try handle.checkPublic(components) }
        contexts = SignatureContexts(key: handle, type: type, purpose: .verifying)
        self.handle = handle
    }

    /// Reads the one public key in a PEM text: SPKI (`PUBLIC KEY`) or PKCS#1 (`RSA PUBLIC KEY`).
    public convenience init(pem: String) throws(CryptoError) {
        let block = try PEM.block(PEM.publicLabels, in: pem, wanted: "public key")
        try self.init(KeyHandle.decode(pemBlock: block, isPrivate: false), isChecked: false)
    }

    /// - Throws: `.invalidKey` unless the numbers are a public key of a kind and size that is accepted: a point on its curve, an RSA
    ///   modulus of 2048 to 8192 bits.
    public convenience init(_ components: PublicKeyComponents) throws(CryptoError) {
        try self.init(KeyHandle(components), isChecked: false)
    }

    /// Both numbers big-endian.
    public convenience init(rsaModulus modulus: [UInt8], exponent: [UInt8]) throws(CryptoError) {
        try self.init(.rsa(modulus: modulus, exponent: exponent))
    }

    /// - Parameter x: as long as the curve's `byteCount`; `y` likewise.
    public convenience init(curve: EllipticCurve, x: [UInt8], y: [UInt8]) throws(CryptoError) {
        try self.init(.elliptic(curve, x: x, y: y))
    }

    /// - Parameter bytes: the 32 bytes of RFC 8032 §5.1.5.
    public convenience init(ed25519 bytes: [UInt8]) throws(CryptoError) {
        try self.init(.ed25519(bytes))
    }

    /// SPKI (RFC 5280 §4.1.2.7).
    public var pemRepresentation: String {
        get throws(CryptoError) { try handle.pem(isPrivate: false) }
    }

    /// SPKI (RFC 5280 §4.1.2.7).
    public var derRepresentation: [UInt8] {
        get throws(CryptoError) { try handle.subjectPublicKeyInfo() }
    }

    public var description: String { "public key (\(type))" }

    /// Length in bytes of every signature that this key can accept.
    public var signatureByteCount: Int {
        switch type {
        case .rsa(let bits): (bits + 7) / 8
        case .ed25519: 64
        case .p256: 64
        case .p384: 96
        case .p521: 132
        }
    }

    /// Whether the signature is this key's for the message. A signature of the wrong length or form is simply not valid.
    ///
    /// - Throws: `.invalidInput` if the scheme does not suit the key; `.openSSL` if libcrypto cannot work at all.
    public func isValidSignature(_ signature: [UInt8], for message: [UInt8], using scheme: SignatureScheme) throws(CryptoError) -> Bool {
        try isValidSignature(signature.span, for: message.span, using: scheme)
    }

    /// As above, over borrowed bytes.
    public func isValidSignature(_ signature: Span<UInt8>, for message: Span<UInt8>, using scheme: SignatureScheme) throws(CryptoError)
        -> Bool
    {
        guard scheme.suits(type) else { throw .invalidInput("a key of type \(type) cannot verify \(scheme)") }
        guard signature.count == signatureByteCount else { return false }
        guard let curve = type.curve else { return try check(signature, message, scheme) }
        guard let der = ECDSASignature.der(raw: signature, half: curve.byteCount) else { return false }
        return try check(der.span, message, scheme)
    }

    private func check(_ signature: Span<UInt8>, _ message: Span<UInt8>, _ scheme: SignatureScheme) throws(CryptoError) -> Bool {
        try signature.withUnsafeBufferPointer { (signature) throws(CryptoError) -> Bool in
            try message.withUnsafeBufferPointer { (message) throws(CryptoError) -> Bool in
                try contexts.isValid(signature, for: message, scheme)
            }
        }
    }
}

extension PublicKey: Hashable {
    public static func == (left: PublicKey, right: PublicKey) -> Bool {
        left.components == right.components
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(components)
    }
}
