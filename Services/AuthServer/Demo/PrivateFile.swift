import Glibc

/// Files that only their owner may read, from their first byte on.
enum PrivateFile {
    /// Replaces `path` whole: a reader sees the old contents or the new.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard file >= 0 else { throw CommandFailure("\(path): cannot be written: \(String(cString: strerror(errno)))") }
        var isWritten = true
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty, isWritten {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                isWritten = count > 0
                rest = rest.dropFirst(max(count, 0))
            }
        }
        guard close(file) == 0, isWritten, rename(temporary, path) == 0 else {
            throw CommandFailure("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}
