internal import Cryptography
internal import JOSE

/// `code_challenge` of the method S256, the only one: base64url, unpadded, of the verifier's SHA-256; 43 characters (RFC 7636 §4.2).
public struct CodeChallenge: Sendable, Hashable {
    public let rawValue: String

    /// - Returns: nil for what is not the base64url of 32 bytes.
    public init?(_ text: String) {
        guard text.utf8.count == 43, let hash = try? Base64URL.decode(text), hash.count == 32 else { return nil }
        rawValue = text
    }

    public init(s256 verifier: CodeVerifier) {
        rawValue = Base64URL.encode(Digest.sha256.hash(verifier.rawValue))
    }

    /// Whether the verifier is the one that the challenge was made from (RFC 7636 §4.6), in constant time.
    public func matches(_ verifier: CodeVerifier) -> Bool {
        constantTimeEqual(Array(rawValue.utf8), Array(CodeChallenge(s256: verifier).rawValue.utf8))
    }
}
