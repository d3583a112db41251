internal import Cryptography
internal import JOSE

/// A secret of 256 random bits, written so that a secret scanner knows it and a typing error is noticed without a query:
/// `{prefix}_{43 characters of base64url}{6 characters of checksum}`.
public struct OpaqueSecret: Sendable {
    public enum Kind: String, Sendable {
        case clientSecret = "spcs"
    }

    private static let bodyLength = 43
    private static let checksumLength = 6

    /// The secret in clear; shown once, never stored or logged.
    public let rawValue: String

    public static func generate(_ kind: Kind) -> OpaqueSecret {
        let body = kind.rawValue + "_" + Base64URL.encode(SecureRandom.bytes(32))
        return OpaqueSecret(rawValue: body + checksum(of: body))
    }

    /// - Returns: nil unless prefix, length and checksum fit.
    public init?(parsing text: String, as kind: Kind) {
        let prefix = kind.rawValue + "_"
        guard text.utf8.count == prefix.utf8.count + Self.bodyLength + Self.checksumLength, text.hasPrefix(prefix) else { return nil }
        let bodyEnd = text.utf8.index(text.utf8.endIndex, offsetBy: -Self.checksumLength)
        guard text[bodyEnd...] == Self.checksum(of: String(text[..<bodyEnd])) else { return nil }
        rawValue = text
    }

    private init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// SHA-256 of the secret, 32 bytes: what is stored and compared.
    public var hash: [UInt8] { Digest.sha256.hash(Array(rawValue.utf8)) }

    /// 36 bits of SHA-256: not for security, for noticing errors.
    private static func checksum(of body: String) -> String {
        String(Base64URL.encode(Digest.sha256.hash(Array(body.utf8))).prefix(checksumLength))
    }
}
