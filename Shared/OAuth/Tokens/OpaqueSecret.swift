internal import Cryptography
internal import JOSE

/// A secret of 256 bits, written so that a secret scanner knows it and a typing error is noticed without a query:
/// `{prefix}_{43 characters of base64url}{6 characters of checksum}`.
///
/// Kinds whose rows live in partitions carry in clear where to look, each word followed by a dot: `{prefix}_{word}.{word}.{secret}{checksum}`.
public struct OpaqueSecret: Sendable {
    public enum Kind: String, Sendable {
        case clientSecret = "spcs"
        /// Words: the code's period, the grant's, the grant's id.
        case authorizationCode = "spac"
        /// Words: the period, the grant's id, the generation.
        case refreshToken = "sprt"
        /// Words: the period.
        case session = "spse"
        case invitation = "spin"

        /// How many words precede the secret.
        var wordCount: Int {
            switch self {
            case .clientSecret, .invitation: 0
            case .session: 1
            case .authorizationCode, .refreshToken: 3
            }
        }
    }

    private static let bodyLength = 43
    private static let checksumLength = 6
    private static let maximumLength = 200

    /// The secret in clear; shown once, never stored or logged.
    public let rawValue: String
    /// Where to look; not secret, and not to be believed.
    public let words: [String]

    /// 256 random bits.
    /// - Parameter words: as many as the kind has, of base64url characters each.
    public static func generate(_ kind: Kind, _ words: [String] = []) -> OpaqueSecret {
        OpaqueSecret(kind, words, bytes: SecureRandom.bytes(32))
    }

    /// - Parameter bytes: 32, as unpredictable as the secret is to be.
    public init(_ kind: Kind, _ words: [String], bytes: [UInt8]) {
        let body = kind.rawValue + "_" + words.map { $0 + "." }.joined() + Base64URL.encode(bytes)
        rawValue = body + Self.checksum(of: body)
        self.words = words
    }

    /// - Returns: nil unless prefix, words, length and checksum fit.
    public init?(parsing text: String, as kind: Kind) {
        let prefix = kind.rawValue + "_"
        guard text.utf8.count <= Self.maximumLength, text.utf8.starts(with: prefix.utf8),
            text.utf8.count >= prefix.utf8.count + Self.bodyLength + Self.checksumLength
        else { return nil }
        let bodyEnd = text.utf8.index(text.utf8.endIndex, offsetBy: -Self.checksumLength)
        guard text.utf8[bodyEnd...].elementsEqual(Self.checksum(of: String(text[..<bodyEnd])).utf8) else { return nil }
        let parts = text.utf8[..<bodyEnd].dropFirst(prefix.utf8.count).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == kind.wordCount + 1, parts.last?.count == Self.bodyLength, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        rawValue = text
        words = parts.dropLast().map { String(Substring($0)) }
    }

    /// SHA-256 of the secret, 32 bytes: what is stored and compared.
    public var hash: [UInt8] { Digest.sha256.hash(Array(rawValue.utf8)) }

    /// The 256 bits themselves.
    public var bytes: [UInt8] {
        let end = rawValue.utf8.index(rawValue.utf8.endIndex, offsetBy: -Self.checksumLength)
        let start = rawValue.utf8.index(end, offsetBy: -Self.bodyLength)
        return (try? Base64URL.decode(String(rawValue[start..<end]))) ?? []
    }

    /// 36 bits of SHA-256: not for security, for noticing errors.
    private static func checksum(of body: String) -> String {
        String(Base64URL.encode(Digest.sha256.hash(Array(body.utf8))).prefix(checksumLength))
    }
}
