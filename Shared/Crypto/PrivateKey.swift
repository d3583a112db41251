/// A private key that signs. Safe from any thread; its memory goes with the last reference.
public final class PrivateKey: Sendable, CustomStringConvertible {
    public let type: KeyType
    public let publicKey: PublicKey

    private let handle: KeyHandle
    private let contexts: SignatureContexts

    private init(_ handle: KeyHandle, isChecked: Bool) throws(CryptoError) {
        type = try handle.type()
        if !isChecked { try handle.checkPrivate() }
        // From its numbers, so that a public key never shares memory with the private one.
        publicKey = try PublicKey(KeyHandle(handle.publicComponents(type)), isChecked: true)
        contexts = SignatureContexts(key: handle, type: type, purpose: .signing)
        self.handle = handle
    }

    /// A new random key. RSA takes a noticeable time (2048 bits: tens of milliseconds, 4096: up to seconds).
    public static func generate(_ type: KeyType) throws(CryptoError) -> PrivateKey {
        try PrivateKey(KeyHandle.generate(type), isChecked: true)
    }

    /// Reads the one private key in a PEM text: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`).
    ///
    /// - Throws: `.invalidKey` for an encrypted key, a kind or size that is not accepted, or a key that does not hold together;
    ///   `.openSSL` for what cannot be read at all.
    public convenience init(pem: String) throws(CryptoError) {
        let block = try PEM.block(PEM.privateLabels, in: pem, wanted: "private key")
        try self.init(KeyHandle.decode(pemBlock: block, isPrivate: true), isChecked: false)
    }

    /// Reads an unencrypted PKCS#8 key (RFC 5958) from elsewhere.
    public convenience init(pkcs8DER der: [UInt8]) throws(CryptoError) {
        try self.init(KeyHandle.decode(pkcs8: der), isChecked: false)
    }

    /// Reads a key that this program wrote and kept authenticated, for example sealed: skips the consistency checks, which for RSA
    /// take many milliseconds.
    public convenience init(trustedPKCS8DER der: [UInt8]) throws(CryptoError) {
        try self.init(KeyHandle.decode(pkcs8: der), isChecked: true)
    }

    /// - Throws: `.invalidKey` unless all numbers are present, in range, and fit each other.
    public convenience init(_ components: PrivateKeyComponents) throws(CryptoError) {
        try self.init(KeyHandle(components), isChecked: false)
    }

    /// PKCS#8, unencrypted.
    public var pemRepresentation: String {
        get throws(CryptoError) { try handle.pem(isPrivate: true) }
    }

    /// PKCS#8, unencrypted.
    public var pkcs8DER: [UInt8] {
        get throws(CryptoError) { try handle.pkcs8() }
    }

    public var components: PrivateKeyComponents {
        get throws(CryptoError) { try handle.privateComponents(type) }
    }

    public var description: String { "private key (\(type))" }

    /// Length in bytes of every signature of this key.
    public var signatureByteCount: Int { publicKey.signatureByteCount }

    /// Signs the message. ECDSA signatures are r‖s (RFC 7518 §3.4).
    ///
    /// - Throws: `.invalidInput` if the scheme does not suit the key.
    public func sign(_ message: [UInt8], using scheme: SignatureScheme) throws(CryptoError) -> [UInt8] {
        try sign(message.span, using: scheme)
    }

    /// Signs borrowed bytes.
    public func sign(_ message: Span<UInt8>, using scheme: SignatureScheme) throws(CryptoError) -> [UInt8] {
        guard scheme.suits(type) else { throw .invalidInput("a key of type \(type) cannot sign with \(scheme)") }
        guard let curve = type.curve else {
            return try signature(of: message, scheme, capacity: signatureByteCount)
        }
        let der = try signature(of: message, scheme, capacity: ECDSASignature.maximumDERBytes)
        guard let raw = der.withUnsafeBytes({ ECDSASignature.raw(der: $0, half: curve.byteCount) }) else {
            throw .openSSL(operation: "signing", reason: "the signature has no readable form")
        }
        return raw
    }

    private func signature(of message: Span<UInt8>, _ scheme: SignatureScheme, capacity: Int) throws(CryptoError) -> [UInt8] {
        var result: Result<Int, CryptoError> = .success(0)
        let output = [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            result = message.withUnsafeBufferPointer { message in
                Result { () throws(CryptoError) in try contexts.sign(message, scheme, into: output) }
            }
            count = (try? result.get()) ?? 0
        }
        _ = try result.get()
        return output
    }
}
