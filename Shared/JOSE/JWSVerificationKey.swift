internal import Cryptography

/// A key with the one algorithm it verifies: made once, used for many tokens from any thread.
public struct JWSVerificationKey: Sendable {
    public let algorithm: JWSAlgorithm
    public let keyID: String?
    private let verifier: Verifier

    private enum Verifier: Sendable {
        case publicKey(PublicKey, SignatureScheme)
        case hmac(HMAC)
    }

    /// - Parameter algorithm: fixes the algorithm of a key that names none; if the key names one, they must be the same.
    /// - Throws: `.keyNotPermitted` if `use` or `key_ops` forbid it, `.unsupportedAlgorithm` if no algorithm is given, the two
    ///   disagree, or the key cannot serve it.
    public init(_ key: JWK, algorithm: JWSAlgorithm? = nil) throws(JOSEError) {
        guard key.permitsVerification else { throw .keyNotPermitted }
        guard let chosen = algorithm ?? key.effectiveAlgorithm else {
            throw .unsupportedAlgorithm("of a key that names none")
        }
        guard key.algorithm == nil || key.algorithm == chosen, chosen.suits(key.material) else {
            throw .unsupportedAlgorithm(chosen.rawValue)
        }
        self.algorithm = chosen
        keyID = key.keyID
        switch (key.material, chosen.scheme, chosen.hmacDigest) {
        case (.publicKey(let key), let scheme?, _): verifier = .publicKey(key, scheme)
        case (.privateKey(let key), let scheme?, _): verifier = .publicKey(key.publicKey, scheme)
        case (.secret(let secret), _, let digest?):
            verifier = .hmac(try crypto { () throws(CryptoError) in try HMAC(key: secret, digest: digest) })
        default: throw .unsupportedAlgorithm(chosen.rawValue)
        }
    }

    /// Whether the signature is this key's for the signing input.
    func isValid(_ signature: [UInt8], for input: Span<UInt8>) throws(JOSEError) -> Bool {
        do throws(CryptoError) {
            switch verifier {
            case .publicKey(let key, let scheme): return try key.isValidSignature(signature.span, for: input, using: scheme)
            case .hmac(let hmac): return try hmac.isValid(signature, for: input)
            }
        } catch {
            throw .crypto(error)
        }
    }
}
