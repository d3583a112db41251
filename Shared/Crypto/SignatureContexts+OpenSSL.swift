internal import COpenSSL

/// A key's contexts for signing or for verifying, set up once per scheme and used again: in OpenSSL 3 setting one up costs about as
/// much as an ECDSA signature.
final class SignatureContexts: Sendable {
    enum Purpose {
        case signing
        case verifying
    }

    private let key: KeyHandle
    private let type: KeyType
    private let purpose: Purpose
    private let pool: ContextPool<SignatureScheme>

    init(key: KeyHandle, type: KeyType, purpose: Purpose) {
        self.key = key
        self.type = type
        self.purpose = purpose
        pool = ContextPool(capacity: 8) { Self.free($0, isDigestContext: type == .ed25519) }
    }

    /// Signs the message; ECDSA signatures come in libcrypto's DER.
    func sign(_ message: UnsafeBufferPointer<UInt8>, _ scheme: SignatureScheme, into output: UnsafeMutableBufferPointer<UInt8>)
        throws(CryptoError) -> Int
    {
        ERR_clear_error()
        let context = try take(scheme)
        var length = output.count
        let status =
            scheme == .ed25519
            ? EVP_DigestSign(context, output.baseAddress, &length, message.baseAddress, message.count)
            : withHash(of: message, scheme) { EVP_PKEY_sign(context, output.baseAddress, &length, $0, $1) }
        guard status == 1 else {
            let error = CryptoError.takeOpenSSL("signing")
            pool.discard(context)
            throw error
        }
        pool.give(context, scheme)
        return length
    }

    /// Whether the signature is good; ECDSA signatures in DER.
    func isValid(_ signature: UnsafeBufferPointer<UInt8>, for message: UnsafeBufferPointer<UInt8>, _ scheme: SignatureScheme)
        throws(CryptoError) -> Bool
    {
        ERR_clear_error()
        let context = try take(scheme)
        let status =
            scheme == .ed25519
            ? EVP_DigestVerify(context, signature.baseAddress, signature.count, message.baseAddress, message.count)
            : withHash(of: message, scheme) { EVP_PKEY_verify(context, signature.baseAddress, signature.count, $0, $1) }
        // A bad signature is 0, with or without a reason in the queue; a malformed one may be negative.
        if status != 1 { ERR_clear_error() }
        pool.give(context, scheme)
        return status == 1
    }

    private func withHash(
        of message: UnsafeBufferPointer<UInt8>, _ scheme: SignatureScheme, _ body: (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32 {
        guard let digest = scheme.digest else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: Digest.maximumByteCount, alignment: 8) { hash in
            digest.hash(UnsafeRawBufferPointer(message), into: hash)
            return body(hash.baseAddress.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }, digest.byteCount)
        }
    }

    private func take(_ scheme: SignatureScheme) throws(CryptoError) -> OpaquePointer {
        guard let idle = pool.take(scheme) else { return try make(scheme) }
        guard scheme == .ed25519 else { return idle }
        // Starts the one-shot context again with the key it has.
        let status =
            purpose == .signing ? EVP_DigestSignInit(idle, nil, nil, nil, nil) : EVP_DigestVerifyInit(idle, nil, nil, nil, nil)
        if status == 1 { return idle }
        pool.discard(idle)
        ERR_clear_error()
        return try make(scheme)
    }

    private func make(_ scheme: SignatureScheme) throws(CryptoError) -> OpaquePointer {
        guard scheme.suits(type) else { throw .invalidInput("the key's type does not suit the signature scheme") }
        let context = try require(
            type == .ed25519 ? EVP_MD_CTX_new() : EVP_PKEY_CTX_new_from_pkey(nil, key.pointer, nil), "signature context")
        do throws(CryptoError) {
            try setUp(context, scheme)
        } catch {
            Self.free(context, isDigestContext: type == .ed25519)
            throw error
        }
        return context
    }

    private func setUp(_ context: OpaquePointer, _ scheme: SignatureScheme) throws(CryptoError) {
        let operation = "setting up a signature"
        guard let digest = try scheme.digest?.algorithm.get().pointer else {
            let status =
                purpose == .signing
                ? EVP_DigestSignInit(context, nil, nil, nil, key.pointer) : EVP_DigestVerifyInit(context, nil, nil, nil, key.pointer)
            return try require(status: status, operation)
        }
        try require(status: purpose == .signing ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context), operation)
        switch scheme {
        case .rsaPKCS1:
            try require(status: EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), operation)
            try require(status: EVP_PKEY_CTX_set_signature_md(context, digest), operation)
        case .rsaPSS:
            try require(status: EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), operation)
            try require(status: EVP_PKEY_CTX_set_signature_md(context, digest), operation)
            try require(status: EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest), operation)
            // When verifying, any other length of salt is then a bad signature.
            try require(status: EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), operation)
        case .ecdsaP256SHA256, .ecdsaP384SHA384, .ecdsaP521SHA512:
            try require(status: EVP_PKEY_CTX_set_signature_md(context, digest), operation)
        case .ed25519:
            break
        }
    }

    private static func free(_ context: OpaquePointer, isDigestContext: Bool) {
        if isDigestContext { EVP_MD_CTX_free(context) } else { EVP_PKEY_CTX_free(context) }
    }
}
