public import Cryptography
internal import JSON

/// Signs payloads under one key as compact tokens. The protected header is encoded once. Safe from any thread.
public struct JWSSigner: Sendable {
    public let algorithm: JWSAlgorithm
    public let keyID: String?
    public let type: String?

    /// The encoded header and the period after it.
    private let prefix: [UInt8]
    private let signature: Signature

    private enum Signature: Sendable {
        case privateKey(PrivateKey, SignatureScheme)
        case hmac(HMAC)
    }

    /// - Parameters:
    ///   - keyID: `kid`, left out if `nil`.
    ///   - type: `typ`, such as `at+jwt`; left out if `nil`.
    /// - Throws: `.unsupportedAlgorithm` if the key cannot serve the algorithm.
    public init(key: PrivateKey, algorithm: JWSAlgorithm, keyID: String?, type: String? = "JWT") throws(JOSEError) {
        guard let scheme = algorithm.scheme, scheme.suits(key.type) else { throw .unsupportedAlgorithm(algorithm.rawValue) }
        self.init(.privateKey(key, scheme), algorithm: algorithm, keyID: keyID, type: type)
    }

    /// - Parameter secret: at least as long as the algorithm's hash (RFC 7518 §3.2).
    public init(secret: SecretBytes, algorithm: JWSAlgorithm, keyID: String?, type: String? = "JWT") throws(JOSEError) {
        guard let digest = algorithm.hmacDigest else { throw .unsupportedAlgorithm(algorithm.rawValue) }
        guard secret.count >= digest.byteCount else { throw .crypto(.invalidKey("the secret is shorter than the hash")) }
        let hmac = try crypto { () throws(CryptoError) in try HMAC(key: secret, digest: digest) }
        self.init(.hmac(hmac), algorithm: algorithm, keyID: keyID, type: type)
    }

    /// Signs with a private or secret JWK, under its own `kid`.
    ///
    /// - Parameter algorithm: for a key that names none.
    /// - Throws: `.keyNotPermitted` for a public key or one that is not for signing.
    public init(_ key: JWK, algorithm: JWSAlgorithm? = nil, type: String? = "JWT") throws(JOSEError) {
        guard (key.use ?? "sig") == "sig", key.operations.map({ $0.contains("sign") }) ?? true else { throw .keyNotPermitted }
        guard let chosen = key.effectiveAlgorithm ?? algorithm, algorithm == nil || algorithm == chosen else {
            throw .unsupportedAlgorithm(algorithm?.rawValue ?? "of a key that names none")
        }
        switch key.material {
        case .publicKey: throw .keyNotPermitted
        case .privateKey(let privateKey): try self.init(key: privateKey, algorithm: chosen, keyID: key.keyID, type: type)
        case .secret(let secret): try self.init(secret: secret, algorithm: chosen, keyID: key.keyID, type: type)
        }
    }

    private init(_ signature: Signature, algorithm: JWSAlgorithm, keyID: String?, type: String?) {
        var header = JSONWriter(reserving: 128)
        header.beginObject()
        header.field("alg", algorithm.rawValue)
        header.field("typ", ifPresent: type)
        header.field("kid", ifPresent: keyID)
        header.endObject()
        var prefix: [UInt8] = []
        Base64URL.encode(header.bytes, into: &prefix)
        prefix.append(UInt8(ascii: "."))
        self.prefix = prefix
        self.signature = signature
        self.algorithm = algorithm
        self.keyID = keyID
        self.type = type
    }

    /// The compact serialization of the signed payload.
    public func sign(payload: [UInt8]) throws(JOSEError) -> String {
        String(decoding: try signedBytes(payload: payload), as: UTF8.self)
    }

    /// The compact serialization of the signed payload, as ASCII.
    public func signedBytes(payload: [UInt8]) throws(JOSEError) -> [UInt8] {
        let inputCount = prefix.count + Base64URL.encodedCount(payload.count)
        let signatureCount = Base64URL.encodedCount(signatureByteCount)
        var failure: JOSEError?
        // One buffer for all of it: the signature is made over its first part and written behind.
        let token = [UInt8](unsafeUninitializedCapacity: inputCount + 1 + signatureCount) { output, count in
            _ = output.initialize(from: prefix)
            Base64URL.encode(payload.span, into: UnsafeMutableBufferPointer(rebasing: output[prefix.count...]))
            do throws(JOSEError) {
                let signature = try sign(UnsafeBufferPointer(rebasing: output[..<inputCount]).span)
                guard Base64URL.encodedCount(signature.count) == signatureCount else {
                    throw .crypto(.openSSL(operation: "signing", reason: "unexpected length of the signature"))
                }
                output[inputCount] = UInt8(ascii: ".")
                Base64URL.encode(signature.span, into: UnsafeMutableBufferPointer(rebasing: output[(inputCount + 1)...]))
                count = output.count
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw failure }
        return token
    }

    private var signatureByteCount: Int {
        switch signature {
        case .privateKey(let key, _): key.signatureByteCount
        case .hmac(let hmac): hmac.digest.byteCount
        }
    }

    private func sign(_ input: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        do throws(CryptoError) {
            switch signature {
            case .privateKey(let key, let scheme): return try key.sign(input, using: scheme)
            case .hmac(let hmac): return try hmac.authenticate(input)
            }
        } catch {
            throw .crypto(error)
        }
    }
}
