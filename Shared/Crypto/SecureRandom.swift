internal import COpenSSL

/// libcrypto's random generator, seeded by the kernel.
public enum SecureRandom {
    /// Unpredictable bytes, fit for keys and tokens.
    ///
    /// Traps if the generator fails: a process must never go on with weak bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0, "a negative number of random bytes")
        if count == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// Overwrites the buffer with unpredictable bytes. Traps like `bytes(_:)`.
    public static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        ERR_clear_error()
        let status = RAND_priv_bytes_ex(nil, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count, 0)
        guard status == 1 else { fatalError("\(CryptoError.takeOpenSSL("random generator"))") }
    }
}
