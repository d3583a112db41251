internal import COpenSSL

/// Owns an `EVP_PKEY`.
///
/// Unchecked because libcrypto's keys are only read after they are made, which it allows from any thread.
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference that the caller holds.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(pointer)
    }

    /// The kind of key.
    ///
    /// - Throws: `.invalidKey` for a kind, curve or size that is not accepted.
    func type() throws(CryptoError) -> KeyType {
        if EVP_PKEY_is_a(pointer, "RSA") == 1 {
            let bits = Int(EVP_PKEY_get_bits(pointer))
            guard bits >= KeyType.minimumRSABits else {
                throw .invalidKey("an RSA key of \(bits) bits is too short; at least \(KeyType.minimumRSABits) are needed")
            }
            guard bits <= KeyType.maximumRSABits else {
                throw .invalidKey("an RSA key of \(bits) bits is too long; at most \(KeyType.maximumRSABits) are accepted")
            }
            return .rsa(bits: bits)
        }
        if EVP_PKEY_is_a(pointer, "ED25519") == 1 { return .ed25519 }
        if EVP_PKEY_is_a(pointer, "EC") == 1 { return try curve().keyType }
        let name = EVP_PKEY_get0_type_name(pointer).map { String(cString: $0) } ?? "of unknown type"
        throw .invalidKey("keys \(name) are not supported; use RSA, P-256, P-384, P-521 or Ed25519")
    }

    private func curve() throws(CryptoError) -> EllipticCurve {
        var isExplicit: Int32 = 0
        if EVP_PKEY_get_int_param(pointer, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isExplicit) == 1, isExplicit != 0 {
            throw .invalidKey("the key spells out its curve instead of naming it")
        }
        var name = [CChar](repeating: 0, count: 64)
        var length = 0
        ERR_clear_error()
        guard EVP_PKEY_get_group_name(pointer, &name, name.count, &length) == 1 else {
            ERR_clear_error()
            throw .invalidKey("the curve has no name")
        }
        let text = name.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        guard let curve = EllipticCurve.allCases.first(where: { $0.groupName == text }) else {
            throw .invalidKey("curve \(text) is not supported; use P-256, P-384 or P-521")
        }
        return curve
    }

    /// A number of the key, big-endian, padded with zeros to `length` or, without one, free of leading zeros.
    func number(_ name: String, length: Int? = nil) throws(CryptoError) -> [UInt8] {
        ERR_clear_error()
        var number: OpaquePointer?
        try require(status: EVP_PKEY_get_bn_param(pointer, name, &number), "reading the key's \(name)")
        guard let number else { throw .takeOpenSSL("reading the key's \(name)") }
        defer { BN_clear_free(number) }
        let natural = (Int(BN_num_bits(number)) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: max(length ?? natural, 1))
        let written = BN_bn2binpad(number, &bytes, Int32(bytes.count))
        guard written == Int32(bytes.count) else { throw .takeOpenSSL("reading the key's \(name)") }
        return bytes
    }

    /// The 32 bytes of an Ed25519 public key or seed.
    func rawBytes(isPrivate: Bool) throws(CryptoError) -> [UInt8] {
        ERR_clear_error()
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = bytes.count
        let status =
            isPrivate ? EVP_PKEY_get_raw_private_key(pointer, &bytes, &count) : EVP_PKEY_get_raw_public_key(pointer, &bytes, &count)
        try require(status: status, "reading the key")
        guard count == bytes.count else { throw .invalidKey("not 32 bytes") }
        return bytes
    }

    func publicComponents(_ type: KeyType) throws(CryptoError) -> PublicKeyComponents {
        if let curve = type.curve {
            let x = try number(OSSL_PKEY_PARAM_EC_PUB_X, length: curve.byteCount)
            let y = try number(OSSL_PKEY_PARAM_EC_PUB_Y, length: curve.byteCount)
            return .elliptic(curve, x: x, y: y)
        }
        if type == .ed25519 { return .ed25519(try rawBytes(isPrivate: false)) }
        return .rsa(modulus: try number(OSSL_PKEY_PARAM_RSA_N), exponent: try number(OSSL_PKEY_PARAM_RSA_E))
    }

    func privateComponents(_ type: KeyType) throws(CryptoError) -> PrivateKeyComponents {
        switch try publicComponents(type) {
        case .elliptic(let curve, let x, let y):
            return .elliptic(curve, x: x, y: y, d: try number(OSSL_PKEY_PARAM_PRIV_KEY, length: curve.byteCount))
        case .ed25519(let publicKey):
            return .ed25519(publicKey: publicKey, seed: try rawBytes(isPrivate: true))
        case .rsa(let modulus, let exponent):
            return .rsa(
                RSAPrivateComponents(
                    modulus: modulus, publicExponent: exponent, privateExponent: try number(OSSL_PKEY_PARAM_RSA_D),
                    primeP: try number(RSAParameter.factor1), primeQ: try number(RSAParameter.factor2),
                    exponentP: try number(RSAParameter.exponent1), exponentQ: try number(RSAParameter.exponent2),
                    coefficient: try number(RSAParameter.coefficient1)))
        }
    }
}
