/// The SHA-2 functions (FIPS 180-4).
public enum Digest: String, Sendable, Hashable, CaseIterable {
    case sha256 = "SHA-256"
    case sha384 = "SHA-384"
    case sha512 = "SHA-512"

    /// Length of a hash in bytes.
    public var byteCount: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// The hash of the bytes. Fails for no input; traps if OpenSSL has no SHA-2 at all, which `CryptoLibrary.prepare()` tells first.
    public func hash(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { hash($0) }
    }

    /// The hash of a string's UTF-8.
    public func hash(_ text: String) -> [UInt8] {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    /// The hash of borrowed bytes.
    public func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        bytes.withUnsafeBufferPointer { hash(UnsafeRawBufferPointer($0)) }
    }
}

/// SHA-256 in one call.
public enum SHA256 {
    /// 32 bytes.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] { Digest.sha256.hash(bytes) }
    /// 32 bytes, of the string's UTF-8.
    public static func hash(_ text: String) -> [UInt8] { Digest.sha256.hash(text) }
    /// 32 bytes.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { Digest.sha256.hash(bytes) }
}
