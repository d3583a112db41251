internal import COpenSSL
internal import Synchronization

/// Held while libcrypto decodes a key. It collects its decoders when they are first needed; a good key was once refused as
/// "unsupported" while many threads did that together, so they take turns.
private let decoding = Mutex(())

/// Keys as DER and PEM.
extension KeyHandle {
    static func decode(pemBlock: String, isPrivate: Bool) throws(CryptoError) -> KeyHandle {
        try decoding.withLock { (_) throws(CryptoError) in try decodeLocked(pemBlock: pemBlock, isPrivate: isPrivate) }
    }

    static func decode(pkcs8 der: [UInt8]) throws(CryptoError) -> KeyHandle {
        try decoding.withLock { (_) throws(CryptoError) in try decodeLocked(pkcs8: der) }
    }

    /// - Parameter isPrivate: whether the block is a private key (PKCS#8, PKCS#1 or SEC 1) or a public one (SPKI or PKCS#1).
    private static func decodeLocked(pemBlock: String, isPrivate: Bool) throws(CryptoError) -> KeyHandle {
        ERR_clear_error()
        // The decoder keeps this address until it runs, so it cannot be that of a variable lent for one call.
        let result = UnsafeMutablePointer<OpaquePointer?>.allocate(capacity: 1)
        result.initialize(to: nil)
        defer { result.deallocate() }
        let selection = isPrivate ? sallyport_whole_key : sallyport_public_key
        let context = try require(OSSL_DECODER_CTX_new_for_pkey(result, "PEM", nil, nil, selection, nil, nil), "reading the PEM key")
        defer { OSSL_DECODER_CTX_free(context) }
        try require(status: sallyport_decoder_refuse_passwords(context), "reading the PEM key")
        var text = pemBlock
        let status = text.withUTF8 { text in
            var start = text.baseAddress
            var count = text.count
            return OSSL_DECODER_from_data(context, &start, &count)
        }
        guard status == 1, let key = result.pointee else {
            if let key = result.pointee { EVP_PKEY_free(key) }
            throw .takeOpenSSL("reading the PEM key")
        }
        // Of several decoders that tried, the losers leave their reasons behind.
        ERR_clear_error()
        return KeyHandle(owning: key)
    }

    private static func decodeLocked(pkcs8 der: [UInt8]) throws(CryptoError) -> KeyHandle {
        ERR_clear_error()
        let (information, used) = der.withUnsafeBufferPointer { der -> (OpaquePointer?, Int) in
            var position = der.baseAddress
            let information = d2i_PKCS8_PRIV_KEY_INFO(nil, &position, der.count)
            return (information, (position ?? der.baseAddress).flatMap { end in der.baseAddress.map { end - $0 } } ?? 0)
        }
        let owned = try require(information, "reading the PKCS#8 key")
        defer { PKCS8_PRIV_KEY_INFO_free(owned) }
        guard used == der.count else { throw .invalidKey("bytes after the PKCS#8 key") }
        return KeyHandle(owning: try require(EVP_PKCS82PKEY_ex(owned, nil, nil), "reading the PKCS#8 key"))
    }

    func pkcs8() throws(CryptoError) -> [UInt8] {
        ERR_clear_error()
        let information = try require(EVP_PKEY2PKCS8(pointer), "writing the PKCS#8 key")
        defer { PKCS8_PRIV_KEY_INFO_free(information) }
        return try Self.bytes("writing the PKCS#8 key") { i2d_PKCS8_PRIV_KEY_INFO(information, $0) }
    }

    func subjectPublicKeyInfo() throws(CryptoError) -> [UInt8] {
        ERR_clear_error()
        return try Self.bytes("writing the public key") { i2d_PUBKEY(pointer, $0) }
    }

    func pem(isPrivate: Bool) throws(CryptoError) -> String {
        ERR_clear_error()
        let output = try require(BIO_new(BIO_s_secmem()), "writing the PEM key")
        defer { BIO_free(output) }
        let status =
            isPrivate ? PEM_write_bio_PKCS8PrivateKey(output, pointer, nil, nil, 0, nil, nil) : PEM_write_bio_PUBKEY(output, pointer)
        try require(status: status, "writing the PEM key")
        var start: UnsafeMutablePointer<CChar>?
        let count = sallyport_bio_bytes(output, &start)
        guard let start, count > 0 else { throw .takeOpenSSL("writing the PEM key") }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// What an `i2d` function writes into memory that it allocates.
    private static func bytes(_ operation: String, _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>) -> Int32)
        throws(CryptoError) -> [UInt8]
    {
        var start: UnsafeMutablePointer<UInt8>?
        let count = encode(&start)
        guard count > 0, let start else { throw .takeOpenSSL(operation) }
        defer {
            OPENSSL_cleanse(start, Int(count))
            sallyport_openssl_free(start)
        }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }
}

/// Whether keys hold together.
extension KeyHandle {
    /// The public half is valid: a point on its curve and in its group, a plausible RSA modulus and exponent.
    ///
    /// That an RSA modulus is composite is not examined: it takes milliseconds, and only the key's own owner is harmed.
    func checkPublic(_ components: PublicKeyComponents) throws(CryptoError) {
        switch components {
        case .rsa(let modulus, let exponent): try Self.checkRSA(modulus: modulus, exponent: exponent)
        case .elliptic: try check("the public key is not valid") { EVP_PKEY_public_check($0) }
        case .ed25519: break
        }
    }

    /// Everything: RSA primes are primes and fit the rest, the private half matches the public one. For RSA that takes tens of
    /// milliseconds.
    func checkPrivate() throws(CryptoError) {
        try check("the private key does not hold together") { EVP_PKEY_check($0) }
    }

    private func check(_ message: String, _ body: (OpaquePointer) -> Int32) throws(CryptoError) {
        ERR_clear_error()
        let context = try require(EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil), "checking the key")
        defer { EVP_PKEY_CTX_free(context) }
        guard body(context) == 1 else {
            guard case .openSSL(_, let reason) = CryptoError.takeOpenSSL("checking the key") else { return }
            throw .invalidKey("\(message) (\(reason))")
        }
    }
}
