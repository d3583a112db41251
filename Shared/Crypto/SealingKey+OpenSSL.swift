internal import COpenSSL

extension SealingKey {
    private static let contexts = ContextPool<Bool>(capacity: 8) { EVP_CIPHER_CTX_free($0) }

    func encrypt(_ plaintext: [UInt8], header: [UInt8], nonce: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        let algorithm = try Algorithms.aes256GCM.get().pointer
        let textStart = Self.headerBytes + Self.nonceBytes
        var sealed = header + nonce + [UInt8](repeating: 0, count: plaintext.count + Self.tagBytes)
        try withContext("sealing") { context in
            let isStarted = key.withUnsafeBytes { key in
                EVP_EncryptInit_ex2(context, algorithm, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nonce, nil) == 1
            }
            var length: Int32 = 0
            guard isStarted, EVP_EncryptUpdate(context, nil, &length, header, Int32(header.count)) == 1,
                data.isEmpty || EVP_EncryptUpdate(context, nil, &length, data, Int32(data.count)) == 1
            else { return false }
            return sealed.withUnsafeMutableBufferPointer { sealed in
                guard let text = sealed.baseAddress?.advanced(by: textStart) else { return false }
                let tag = text.advanced(by: plaintext.count)
                return (plaintext.isEmpty || EVP_EncryptUpdate(context, text, &length, plaintext, Int32(plaintext.count)) == 1)
                    && EVP_EncryptFinal_ex(context, tag, &length) == 1
                    && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1
            }
        }
        return sealed
    }

    func decrypt(_ sealed: [UInt8], data: [UInt8]) throws(CryptoError) -> [UInt8] {
        let algorithm = try Algorithms.aes256GCM.get().pointer
        let textStart = Self.headerBytes + Self.nonceBytes
        let textBytes = sealed.count - Self.overheadBytes
        var tag = Array(sealed[(textStart + textBytes)...])
        // One byte more than needed, so that an empty plaintext has an address too.
        var plaintext = [UInt8](repeating: 0, count: textBytes + 1)
        var isGenuine = false
        try withContext("opening") { context in
            sealed.withUnsafeBufferPointer { sealed in
                guard let start = sealed.baseAddress else { return false }
                let isStarted = key.withUnsafeBytes { key in
                    EVP_DecryptInit_ex2(
                        context, algorithm, key.baseAddress?.assumingMemoryBound(to: UInt8.self), start + Self.headerBytes, nil) == 1
                }
                var length: Int32 = 0
                guard isStarted, EVP_DecryptUpdate(context, nil, &length, start, Int32(Self.headerBytes)) == 1,
                    data.isEmpty || EVP_DecryptUpdate(context, nil, &length, data, Int32(data.count)) == 1,
                    textBytes == 0 || EVP_DecryptUpdate(context, &plaintext, &length, start + textStart, Int32(textBytes)) == 1,
                    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &tag) == 1
                else { return false }
                var end = [UInt8](repeating: 0, count: 16)
                isGenuine = EVP_DecryptFinal_ex(context, &end, &length) == 1
                return true
            }
        }
        guard isGenuine else {
            wipe(&plaintext)
            ERR_clear_error()
            throw .authenticationFailed
        }
        plaintext.removeLast()
        return plaintext
    }

    private func withContext(_ operation: String, _ body: (OpaquePointer) -> Bool) throws(CryptoError) {
        ERR_clear_error()
        let context = try require(Self.contexts.take(true) ?? EVP_CIPHER_CTX_new(), operation)
        let isDone = body(context)
        guard isDone else {
            let error = CryptoError.takeOpenSSL(operation)
            Self.contexts.discard(context)
            throw error
        }
        // Takes the key schedule out of the idle context.
        guard EVP_CIPHER_CTX_reset(context) == 1 else { return Self.contexts.discard(context) }
        Self.contexts.give(context, true)
    }
}
