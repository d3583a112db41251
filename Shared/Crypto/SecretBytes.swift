internal import COpenSSL

/// Bytes that are wiped when their last owner lets go: keys. Prints nothing of them.
///
/// Copies handed out as arrays are not wiped; keep them short-lived.
public final class SecretBytes: Sendable, CustomStringConvertible {
    // Never written between init and deinit, so reading needs no lock.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    public init(_ bytes: [UInt8]) {
        storage = .allocate(byteCount: bytes.count, alignment: 8)
        storage.copyBytes(from: bytes)
    }

    deinit {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    public var count: Int { storage.count }

    /// A copy of the bytes.
    public var bytes: [UInt8] { Array(storage) }

    public var description: String { "\(count) secret bytes" }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        body(UnsafeRawBufferPointer(storage))
    }
}

/// Overwrites an array's bytes in a way that the compiler does not remove. Of use only for an array that nobody else shares.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
}
