internal import COpenSSL

/// HMAC with a SHA-2 function under one key (RFC 2104). Safe from any thread.
public final class HMAC: Sendable {
    public let digest: Digest
    public let key: SecretBytes
    private let contexts: ContextPool<Digest>

    /// - Parameter key: not empty; RFC 7518 §3.2 wants at least the hash's length, which is the caller's rule to apply.
    public init(key: SecretBytes, digest: Digest = .sha256) throws(CryptoError) {
        guard key.count > 0 else { throw .invalidKey("an HMAC key cannot be empty") }
        self.key = key
        self.digest = digest
        contexts = ContextPool(capacity: 8) { EVP_MAC_CTX_free($0) }
        contexts.give(try makeContext(), digest)
    }

    /// - Parameter key: not empty.
    public convenience init(key: [UInt8], digest: Digest = .sha256) throws(CryptoError) {
        try self.init(key: SecretBytes(key), digest: digest)
    }

    /// The tag of the message, as long as the hash.
    public func authenticate(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        try authenticate(message.span)
    }

    /// The tag of borrowed bytes.
    public func authenticate(_ message: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        ERR_clear_error()
        let context: OpaquePointer
        if let idle = contexts.take(digest) { context = idle } else { context = try makeContext() }
        var tag = [UInt8](repeating: 0, count: digest.byteCount)
        var written = 0
        let isDone = message.withUnsafeBufferPointer { message in
            // No key given: starts again under the one it has.
            EVP_MAC_init(context, nil, 0, nil) == 1 && EVP_MAC_update(context, message.baseAddress, message.count) == 1
                && EVP_MAC_final(context, &tag, &written, tag.count) == 1
        }
        guard isDone, written == tag.count else {
            let error = CryptoError.takeOpenSSL("HMAC")
            contexts.discard(context)
            throw error
        }
        contexts.give(context, digest)
        return tag
    }

    /// Whether the tag is this key's for the message; a shortened tag is not. The comparison is constant in time.
    public func isValid(_ tag: [UInt8], for message: [UInt8]) throws(CryptoError) -> Bool {
        constantTimeEqual(try authenticate(message), tag)
    }

    /// Whether the tag is this key's for the borrowed bytes.
    public func isValid(_ tag: [UInt8], for message: Span<UInt8>) throws(CryptoError) -> Bool {
        constantTimeEqual(try authenticate(message), tag)
    }

    private func makeContext() throws(CryptoError) -> OpaquePointer {
        let algorithm = try Algorithms.hmac.get().pointer
        ERR_clear_error()
        let context = try require(EVP_MAC_CTX_new(algorithm), "HMAC context")
        let status = key.withUnsafeBytes { key in
            withDigestParameter { EVP_MAC_init(context, key.baseAddress, key.count, $0) }
        }
        guard status == 1 else {
            let error = CryptoError.takeOpenSSL("HMAC key")
            EVP_MAC_CTX_free(context)
            throw error
        }
        return context
    }

    private func withDigestParameter(_ body: (UnsafePointer<OSSL_PARAM>) -> Int32) -> Int32 {
        let name =
            switch digest {
            case .sha256: "SHA2-256"
            case .sha384: "SHA2-384"
            case .sha512: "SHA2-512"
            }
        var text = Array(name.utf8CString)
        return text.withUnsafeMutableBufferPointer { text in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(sallyport_mac_digest, text.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return parameters.withUnsafeBufferPointer { $0.baseAddress.map(body) ?? 0 }
        }
    }
}
