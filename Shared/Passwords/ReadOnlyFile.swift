internal import Glibc

/// A file read by position, from any thread.
final class ReadOnlyFile: Sendable {
    let path: String
    /// When it was opened.
    let size: Int
    private let descriptor: Int32

    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw BreachedPasswords.Failure(description: "\(path) is not a file")
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    deinit {
        close(descriptor)
    }

    /// Up to `count` bytes from `offset`; fewer only at the end.
    func read(at offset: Int, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { pread(descriptor, $0 + done, count - done, off_t(offset + done)) } ?? 0
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw Self.failure(path) }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(count - done)
        return bytes
    }

    /// Every line without its end (`\n` or `\r\n`). Lines over 4 KiB, which no password is, are left out.
    func forEachLine(_ body: ([UInt8]) throws -> Void) throws {
        var offset = 0
        var line: [UInt8] = []
        var isTooLong = false
        func endLine() throws {
            defer {
                line = []
                isTooLong = false
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if !isTooLong { try body(line) }
        }
        while true {
            let chunk = try read(at: offset, count: 64 * 1024)
            if chunk.isEmpty { break }
            offset += chunk.count
            for (index, part) in chunk.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
                if index > 0 { try endLine() }
                if line.count + part.count > 4096 { isTooLong = true } else { line += part }
            }
        }
        if !line.isEmpty { try endLine() }
    }

    private static func failure(_ path: String) -> BreachedPasswords.Failure {
        BreachedPasswords.Failure(description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
}
