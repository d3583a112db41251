internal import CZlib

/// The ZLIB data format (RFC 1950), by the system's library.
public enum Zlib {
    public enum Failure: Error, Sendable {
        case outOfMemory
        /// Not ZLIB, damaged, or longer than allowed when it is decompressed.
        case unreadable
    }

    /// - Throws: ``Failure/outOfMemory``.
    public static func compress(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var output = [UInt8](repeating: 0, count: Int(length))
        let status = output.withUnsafeMutableBufferPointer { target in
            bytes.withUnsafeBufferPointer { source in
                compress2(target.baseAddress, &length, source.baseAddress, uLong(source.count), Z_BEST_COMPRESSION)
            }
        }
        guard status == Z_OK else { throw .outOfMemory }
        return Array(output[..<Int(length)])
    }

    /// - Parameter limit: bytes of the result at most.
    /// - Throws: ``Failure/unreadable``.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        var length = uLong(limit)
        var output = [UInt8](repeating: 0, count: limit)
        let status = output.withUnsafeMutableBufferPointer { target in
            bytes.withUnsafeBufferPointer { source in
                uncompress(target.baseAddress, &length, source.baseAddress, uLong(source.count))
            }
        }
        guard status == Z_OK else { throw .unreadable }
        return Array(output[..<Int(length)])
    }
}
