public import Cryptography
public import JSON

/// A JSON Web Key (RFC 7517): RSA, EC (P-256, P-384, P-521), OKP (Ed25519, RFC 8037) or a shared secret (`oct`).
///
/// Prints nothing secret. `publicJSON` is the only form that may leave the process.
public struct JWK: Sendable, CustomStringConvertible {
    public enum Material: Sendable {
        case publicKey(PublicKey)
        case privateKey(PrivateKey)
        case secret(SecretBytes)
    }

    public let material: Material
    /// `kid`
    public var keyID: String?
    /// `alg`, if the key names one.
    public let algorithm: JWSAlgorithm?
    /// `use`: `sig`, `enc` or another word.
    public var use: String?
    /// `key_ops`
    public var operations: [String]?

    private init(_ material: Material, algorithm: JWSAlgorithm?, keyID: String?, use: String?, operations: [String]?) {
        self.material = material
        self.algorithm = algorithm
        self.keyID = keyID
        self.use = use
        self.operations = operations
    }

    /// - Parameter keyID: `nil` takes the thumbprint.
    /// - Throws: `.unsupportedAlgorithm` if the key cannot serve the algorithm.
    public init(_ privateKey: PrivateKey, algorithm: JWSAlgorithm, keyID: String? = nil) throws(JOSEError) {
        guard algorithm.suits(privateKey.type) else { throw .unsupportedAlgorithm(algorithm.rawValue) }
        self.init(.privateKey(privateKey), algorithm: algorithm, keyID: keyID, use: "sig", operations: nil)
        if keyID == nil { self.keyID = thumbprint }
    }

    /// - Parameter keyID: `nil` takes the thumbprint.
    /// - Throws: `.unsupportedAlgorithm` if the key cannot serve the algorithm.
    public init(_ publicKey: PublicKey, algorithm: JWSAlgorithm, keyID: String? = nil) throws(JOSEError) {
        guard algorithm.suits(publicKey.type) else { throw .unsupportedAlgorithm(algorithm.rawValue) }
        self.init(.publicKey(publicKey), algorithm: algorithm, keyID: keyID, use: "sig", operations: nil)
        if keyID == nil { self.keyID = thumbprint }
    }

    /// - Parameters:
    ///   - secret: at least as long as the algorithm's hash (RFC 7518 §3.2).
    ///   - keyID: `nil` gives none: the thumbprint of a secret is a hash of the secret.
    public init(secret: SecretBytes, algorithm: JWSAlgorithm, keyID: String? = nil) throws(JOSEError) {
        guard let digest = algorithm.hmacDigest else { throw .unsupportedAlgorithm(algorithm.rawValue) }
        guard secret.count >= digest.byteCount else { throw .crypto(.invalidKey("the secret is shorter than the hash")) }
        self.init(.secret(secret), algorithm: algorithm, keyID: keyID, use: "sig", operations: nil)
    }

    /// Reads a key, private if it has private members. Members that are not known are ignored (RFC 7517 §4).
    ///
    /// - Throws: `.malformed` for members of the wrong type or form, `.unsupportedAlgorithm` for a `kty`, `crv` or `alg` that is not
    ///   known or does not suit the key, `.crypto` for a key that does not hold together.
    public init(json object: JSONObject) throws(JOSEError) {
        let members = JWKMembers(object)
        let material = try members.material()
        var algorithm: JWSAlgorithm?
        if let name = try members.string("alg") {
            guard let known = JWSAlgorithm(exactly: name), known.suits(material) else { throw .unsupportedAlgorithm(name) }
            algorithm = known
        }
        self.init(
            material, algorithm: algorithm, keyID: try members.string("kid"), use: try members.string("use"),
            operations: try members.strings("key_ops"))
    }

    /// Reads a key from JSON text of at most 64 KiB.
    public init(parsing bytes: [UInt8]) throws(JOSEError) {
        try self.init(json: parseObject(bytes.span, maximumBytes: 65_536))
    }

    public var description: String {
        switch material {
        case .publicKey(let key): "JWK \(keyID ?? "without kid"): \(key)"
        case .privateKey(let key): "JWK \(keyID ?? "without kid"): \(key)"
        case .secret: "JWK \(keyID ?? "without kid"): shared secret"
        }
    }

    /// `nil` for a shared secret.
    public var publicKey: PublicKey? {
        switch material {
        case .publicKey(let key): key
        case .privateKey(let key): key.publicKey
        case .secret: nil
        }
    }

    public var privateKey: PrivateKey? {
        if case .privateKey(let key) = material { key } else { nil }
    }

    /// The algorithm of this key: its `alg`, else the only one its type can serve; `nil` for RSA and secrets without `alg`.
    public var effectiveAlgorithm: JWSAlgorithm? {
        if let algorithm { return algorithm }
        return publicKey.flatMap { JWSAlgorithm.only(for: $0.type) }
    }

    /// Whether `use` and `key_ops`, as far as present, allow checking signatures.
    public var permitsVerification: Bool {
        (use ?? "sig") == "sig" && (operations.map { $0.contains("verify") || $0.contains("sign") } ?? true)
    }
}

extension JWSAlgorithm {
    /// The algorithm of exactly this name; `rawValue` look-up would follow Unicode equivalence.
    init?(exactly name: String) {
        guard let algorithm = JWSAlgorithm(rawValue: name), algorithm.rawValue.isIdenticalBytes(name) else { return nil }
        self = algorithm
    }

    func suits(_ material: JWK.Material) -> Bool {
        switch material {
        case .publicKey(let key): suits(key.type)
        case .privateKey(let key): suits(key.type)
        case .secret(let secret): hmacDigest.map { secret.count >= $0.byteCount } ?? false
        }
    }
}
