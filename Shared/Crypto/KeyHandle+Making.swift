internal import COpenSSL

/// New keys, and keys from their numbers.
extension KeyHandle {
    static func generate(_ type: KeyType) throws(CryptoError) -> KeyHandle {
        if case .rsa(let bits) = type, !(KeyType.minimumRSABits...KeyType.maximumRSABits).contains(bits) {
            throw .invalidInput("RSA keys have \(KeyType.minimumRSABits) to \(KeyType.maximumRSABits) bits, not \(bits)")
        }
        ERR_clear_error()
        let context = try require(EVP_PKEY_CTX_new_from_name(nil, type.algorithmName, nil), "key generation")
        defer { EVP_PKEY_CTX_free(context) }
        try require(status: EVP_PKEY_keygen_init(context), "key generation")
        if case .rsa(let bits) = type {
            try require(status: EVP_PKEY_CTX_set_rsa_keygen_bits(context, Int32(bits)), "key generation")
        }
        if let curve = type.curve {
            try require(status: EVP_PKEY_CTX_set_group_name(context, curve.groupName), "key generation")
        }
        var key: OpaquePointer?
        try require(status: EVP_PKEY_generate(context, &key), "key generation")
        return KeyHandle(owning: try require(key, "key generation"))
    }

    convenience init(_ components: PublicKeyComponents) throws(CryptoError) {
        switch components {
        case .rsa(let modulus, let exponent):
            try Self.checkRSA(modulus: modulus, exponent: exponent)
            var builder = try KeyBuilder()
            try builder.add(OSSL_PKEY_PARAM_RSA_N, number: modulus)
            try builder.add(OSSL_PKEY_PARAM_RSA_E, number: exponent)
            self.init(owning: try builder.make("RSA", isPrivate: false))
        case .elliptic(let curve, let x, let y):
            var builder = try KeyBuilder()
            try builder.add(curve, x: x, y: y)
            self.init(owning: try builder.make("EC", isPrivate: false))
        case .ed25519(let bytes):
            guard bytes.count == 32 else { throw .invalidKey("an Ed25519 public key has 32 bytes, not \(bytes.count)") }
            ERR_clear_error()
            self.init(owning: try require(EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes, bytes.count), "reading the key"))
        }
    }

    convenience init(_ components: PrivateKeyComponents) throws(CryptoError) {
        switch components {
        case .rsa(let rsa):
            try Self.checkRSA(modulus: rsa.modulus, exponent: rsa.publicExponent)
            var builder = try KeyBuilder()
            try builder.add(OSSL_PKEY_PARAM_RSA_N, number: rsa.modulus)
            try builder.add(OSSL_PKEY_PARAM_RSA_E, number: rsa.publicExponent)
            for (name, bytes) in [
                (OSSL_PKEY_PARAM_RSA_D, rsa.privateExponent), (RSAParameter.factor1, rsa.primeP),
                (RSAParameter.factor2, rsa.primeQ), (RSAParameter.exponent1, rsa.exponentP),
                (RSAParameter.exponent2, rsa.exponentQ), (RSAParameter.coefficient1, rsa.coefficient),
            ] {
                guard !bytes.isEmpty, bytes.count <= rsa.modulus.count else {
                    throw .invalidKey("the RSA private key does not hold together")
                }
                try builder.add(name, number: bytes)
            }
            self.init(owning: try builder.make("RSA", isPrivate: true))
        case .elliptic(let curve, let x, let y, let d):
            guard d.count == curve.byteCount else {
                throw .invalidKey("a \(curve.rawValue) private key has \(curve.byteCount) bytes, not \(d.count)")
            }
            var builder = try KeyBuilder()
            try builder.add(curve, x: x, y: y)
            try builder.add(OSSL_PKEY_PARAM_PRIV_KEY, number: d)
            self.init(owning: try builder.make("EC", isPrivate: true))
        case .ed25519(let publicKey, let seed):
            guard seed.count == 32 else { throw .invalidKey("an Ed25519 private key has 32 bytes, not \(seed.count)") }
            ERR_clear_error()
            self.init(owning: try require(EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, seed, seed.count), "reading the key"))
            guard try rawBytes(isPrivate: false) == publicKey else { throw .invalidKey("the private key does not match the public key") }
        }
    }

    /// What makes an RSA public key usable at a bounded cost, whoever made it.
    static func checkRSA(modulus: [UInt8], exponent: [UInt8]) throws(CryptoError) {
        let modulus = modulus.drop { $0 == 0 }
        let exponent = exponent.drop { $0 == 0 }
        guard modulus.count * 8 <= KeyType.maximumRSABits else {
            throw .invalidKey("the RSA modulus is too long; at most \(KeyType.maximumRSABits) bits are accepted")
        }
        guard let lowest = modulus.last, lowest & 1 == 1 else { throw .invalidKey("the RSA modulus is even") }
        guard exponent.count <= 8, let last = exponent.last, last & 1 == 1, exponent.count > 1 || last >= 3 else {
            throw .invalidKey("the RSA public exponent is not an odd number from 3 to 64 bits")
        }
    }
}

extension KeyType {
    fileprivate var algorithmName: String {
        switch self {
        case .rsa: "RSA"
        case .p256, .p384, .p521: "EC"
        case .ed25519: "ED25519"
        }
    }
}

/// libcrypto's names of the numbers that make RSA fast.
enum RSAParameter {
    static let factor1 = String(cString: sallyport_rsa_factor1)
    static let factor2 = String(cString: sallyport_rsa_factor2)
    static let exponent1 = String(cString: sallyport_rsa_exponent1)
    static let exponent2 = String(cString: sallyport_rsa_exponent2)
    static let coefficient1 = String(cString: sallyport_rsa_coefficient1)
}

/// Collects a key's parts in the form that `EVP_PKEY_fromdata` takes.
private struct KeyBuilder: ~Copyable {
    private let builder: OpaquePointer
    // The builder refers to these until it is used.
    private var numbers: [OpaquePointer] = []
    private var points: [UnsafeMutableRawBufferPointer] = []
    private var names: [UnsafeMutableBufferPointer<CChar>] = []

    init() throws(CryptoError) {
        ERR_clear_error()
        builder = try require(OSSL_PARAM_BLD_new(), "reading the key")
    }

    deinit {
        OSSL_PARAM_BLD_free(builder)
        for number in numbers { BN_clear_free(number) }
        for point in points { point.deallocate() }
        for name in names { name.deallocate() }
    }

    mutating func add(_ name: String, number bytes: [UInt8]) throws(CryptoError) {
        let number = try require(BN_bin2bn(bytes, Int32(bytes.count), nil), "reading the key")
        numbers.append(number)
        try require(status: OSSL_PARAM_BLD_push_BN(builder, keep(name), number), "reading the key")
    }

    mutating func add(_ curve: EllipticCurve, x: [UInt8], y: [UInt8]) throws(CryptoError) {
        guard x.count == curve.byteCount, y.count == curve.byteCount else {
            throw .invalidKey("the coordinates of a \(curve.rawValue) key have \(curve.byteCount) bytes each")
        }
        let point = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 + x.count + y.count, alignment: 1)
        point.copyBytes(from: [0x04] + x + y)
        points.append(point)
        try require(
            status: OSSL_PARAM_BLD_push_utf8_string(builder, keep(OSSL_PKEY_PARAM_GROUP_NAME), keep(curve.groupName), 0),
            "reading the key")
        try require(
            status: OSSL_PARAM_BLD_push_octet_string(builder, keep(OSSL_PKEY_PARAM_PUB_KEY), point.baseAddress, point.count),
            "reading the key")
    }

    /// The builder stores pointers to names, so they live as long as it does.
    private mutating func keep(_ text: String) -> UnsafePointer<CChar>? {
        let name = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
        _ = name.initialize(from: text.utf8CString)
        names.append(name)
        return UnsafePointer(name.baseAddress)
    }

    /// The key, with one reference that the caller owns.
    func make(_ algorithm: String, isPrivate: Bool) throws(CryptoError) -> OpaquePointer {
        let parameters = try require(OSSL_PARAM_BLD_to_param(builder), "reading the key")
        defer { OSSL_PARAM_free(parameters) }
        let context = try require(EVP_PKEY_CTX_new_from_name(nil, algorithm, nil), "reading the key")
        defer { EVP_PKEY_CTX_free(context) }
        try require(status: EVP_PKEY_fromdata_init(context), "reading the key")
        var key: OpaquePointer?
        let selection = isPrivate ? sallyport_whole_key : sallyport_public_key
        try require(status: EVP_PKEY_fromdata(context, &key, selection, parameters), "reading the key")
        return try require(key, "reading the key")
    }
}
