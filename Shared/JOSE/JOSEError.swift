public import Cryptography

/// Why a key or a token was refused. Descriptions name no secret and may be logged; what a client is told is the caller's choice.
public enum JOSEError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Not in the form the specification demands.
    case malformed(String)
    /// More bytes than accepted; nothing was decoded.
    case tooLarge(maximumBytes: Int)
    /// A member name repeats in the header or the claims (RFC 7515 §4, RFC 7519 §4).
    case duplicateMember
    /// The header or the claims are JSON, but not an object.
    case notAnObject
    /// An algorithm that is unknown or refused, `none` above all, or that the key cannot serve.
    case unsupportedAlgorithm(String)
    /// The header's algorithm is not the key's.
    case algorithmMismatch
    /// The header demands extensions (`crit`, RFC 7515 §4.1.11, or `b64`, RFC 7797).
    case critical
    /// The `typ` header is missing or not one of those expected.
    case wrongType(String?)
    /// No key has this `kid`, or the token has none and there is more than one key.
    case unknownKey(String?)
    /// A key that must not be used for this (`use`, `key_ops`).
    case keyNotPermitted
    case badSignature
    case missingClaim(String)
    case wrongIssuer
    case wrongAudience
    case expired
    case notYetValid
    case crypto(CryptoError)

    public var description: String {
        switch self {
        case .malformed(let message): message
        case .tooLarge(let maximum): "longer than \(maximum) bytes"
        case .duplicateMember: "a member name repeats"
        case .notAnObject: "not a JSON object"
        case .unsupportedAlgorithm(let name): "algorithm \(name.prefix(40)) is not supported"
        case .algorithmMismatch: "the algorithm is not the key's"
        case .critical: "critical extensions are not supported"
        case .wrongType(let type): "type \(type.map { String($0.prefix(40)) } ?? "missing") is not the expected one"
        case .unknownKey(let keyID): "no key \(keyID.map { String($0.prefix(80)) } ?? "fits a token without kid")"
        case .keyNotPermitted: "the key is not meant for this use"
        case .badSignature: "the signature is not valid"
        case .missingClaim(let name): "claim \(name) is missing"
        case .wrongIssuer: "the issuer is not the expected one"
        case .wrongAudience: "the audience is not the expected one"
        case .expired: "expired"
        case .notYetValid: "not yet valid"
        case .crypto(let error): "\(error)"
        }
    }
}

/// Runs a cryptographic operation, wrapping its error.
func crypto<Value>(_ body: () throws(CryptoError) -> Value) throws(JOSEError) -> Value {
    do throws(CryptoError) {
        return try body()
    } catch {
        throw .crypto(error)
    }
}
