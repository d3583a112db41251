/// A 256-bit key that seals small secrets for storage with AES-256-GCM.
///
/// ```
/// sealed = version 1 (1 byte) | key identifier (4) | nonce (12) | ciphertext (as long as the plaintext) | tag (16)
/// ```
///
/// The nonce is random, so one key should seal fewer than 2³² messages (NIST SP 800-38D §8.3). Version and identifier are
/// authenticated before the caller's own data. The key's bytes are wiped when the last copy of this value goes.
public struct SealingKey: Sendable {
    /// First 4 bytes of the SHA-256 of the key: tells which key sealed a message.
    public let identifier: [UInt8]

    let key: SecretBytes
    /// Keys that open what they sealed, and seal nothing.
    private var others: [SealingKey] = []

    static let version: UInt8 = 1
    static let headerBytes = 5
    static let nonceBytes = 12
    static let tagBytes = 16

    /// By how many bytes a sealed message is longer than its plaintext.
    public static let overheadBytes = headerBytes + nonceBytes + tagBytes

    /// - Parameter bytes: exactly 32.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == 32 else { throw .invalidKey("a sealing key has 32 bytes, not \(bytes.count)") }
        key = SecretBytes(bytes)
        identifier = Array(SHA256.hash(bytes).prefix(4))
    }

    /// A new random key.
    public static func generate() throws(CryptoError) -> SealingKey {
        try SealingKey(SecureRandom.bytes(32))
    }

    /// The same key, which opens what `other` sealed too: for as long as both are in use.
    public func opening(_ other: SealingKey) -> SealingKey {
        var key = self
        key.others.append(other)
        return key
    }

    /// The identifier of the key that sealed the message, or `nil` if this is no sealed message.
    public static func identifier(of sealed: [UInt8]) -> [UInt8]? {
        guard sealed.count >= overheadBytes, sealed[0] == version else { return nil }
        return Array(sealed[1..<headerBytes])
    }

    /// Seals the plaintext; every call gives other bytes.
    ///
    /// - Parameter data: not part of the result, but needed again to open it: what the secret belongs to.
    public func seal(_ plaintext: [UInt8], authenticating data: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        guard plaintext.count <= Int(Int32.max) - 64, data.count <= Int(Int32.max) else { throw .invalidInput("too long to seal") }
        return try encrypt(plaintext, header: [Self.version] + identifier, nonce: SecureRandom.bytes(Self.nonceBytes), data: data)
    }

    /// Opens what `seal` made.
    ///
    /// - Throws: `.authenticationFailed` for every message that this key, or one it opens for, did not seal with the same data.
    public func open(_ sealed: [UInt8], authenticating data: [UInt8] = []) throws(CryptoError) -> [UInt8] {
        if let other = others.first(where: { $0.identifier == Self.identifier(of: sealed) }), other.identifier != identifier {
            return try other.open(sealed, authenticating: data)
        }
        guard Self.identifier(of: sealed) == identifier, sealed.count <= Int(Int32.max), data.count <= Int(Int32.max) else {
            throw .authenticationFailed
        }
        return try decrypt(sealed, data: data)
    }
}
