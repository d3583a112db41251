internal import COpenSSL

extension Digest {
    /// Longest hash of all.
    static let maximumByteCount = 64

    var algorithm: Result<Handle, CryptoError> {
        switch self {
        case .sha256: Algorithms.sha256
        case .sha384: Algorithms.sha384
        case .sha512: Algorithms.sha512
        }
    }

    /// The hash of borrowed bytes.
    public func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
            hash(bytes, into: UnsafeMutableRawBufferPointer(output))
            count = byteCount
        }
    }

    /// Writes the hash to the start of `output`, which has room for it.
    func hash(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
        precondition(output.count >= byteCount, "no room for a \(rawValue) hash")
        do throws(CryptoError) {
            let algorithm = try algorithm.get().pointer
            let target = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            try require(status: DigestContexts.digest(bytes, algorithm, self, target), rawValue)
        } catch {
            fatalError("\(error)")
        }
    }
}

/// Hash contexts, each bound to its function when it was made: starting one again costs no allocation.
enum DigestContexts {
    private static let pool = ContextPool<Digest>(capacity: 16) { EVP_MD_CTX_free($0) }

    static func digest(_ bytes: UnsafeRawBufferPointer, _ algorithm: OpaquePointer, _ kind: Digest, _ output: UnsafeMutablePointer<UInt8>?)
        -> Int32
    {
        let context: OpaquePointer
        if let idle = pool.take(kind) {
            context = idle
        } else {
            ERR_clear_error()
            guard let new = EVP_MD_CTX_new() else { return 0 }
            context = new
        }
        let isDone =
            EVP_DigestInit_ex2(context, algorithm, nil) == 1 && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
            && EVP_DigestFinal_ex(context, output, nil) == 1
        guard isDone else {
            pool.discard(context)
            return 0
        }
        pool.give(context, kind)
        return 1
    }
}
