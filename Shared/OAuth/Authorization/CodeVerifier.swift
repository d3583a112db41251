/// `code_verifier`: the secret that the client keeps until it redeems the code (RFC 7636 §4.1).
public struct CodeVerifier: Sendable {
    public let rawValue: String

    /// - Parameter text: 43–128 of `A–Z a–z 0–9 - . _ ~`.
    /// - Throws: `invalid_grant`: no challenge can fit it.
    public init(_ text: String) throws(OAuthError) {
        guard (43...128).contains(text.utf8.count), text.utf8.allSatisfy(Self.isUnreserved) else {
            throw OAuthError(.invalidGrant, "code_verifier is malformed")
        }
        rawValue = text
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: true
        default: false
        }
    }
}
