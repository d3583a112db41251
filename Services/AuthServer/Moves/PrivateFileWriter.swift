import Glibc

/// A file that only its owner may read, written piece by piece: nothing has its name until it is whole and on the disk.
struct PrivateFileWriter: ~Copyable {
    private let path: String
    private let temporary: String
    private let file: Int32

    init(_ path: String) throws {
        self.path = path
        temporary = path + ".new"
        unlink(temporary)
        file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw CommandFailure("\(path): cannot be written: \(String(cString: strerror(errno)))") }
    }

    deinit {
        close(file)
        unlink(temporary)
    }

    func write(_ bytes: [UInt8]) throws {
        var isWritten = true
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty, isWritten {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                isWritten = count > 0 || count < 0 && errno == EINTR
                rest = rest.dropFirst(max(count, 0))
            }
        }
        guard isWritten else { throw CommandFailure("\(path): cannot be written: \(String(cString: strerror(errno)))") }
    }

    func finish() throws {
        guard fsync(file) == 0, rename(temporary, path) == 0 else {
            throw CommandFailure("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}

/// A file line by line, with one chunk of it in memory.
struct LineReader: ~Copyable {
    private static let chunkSize = 1 << 20
    private let file: Int32
    private var buffer: [UInt8] = []
    private var start = 0

    init(_ path: String) throws {
        file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw CommandFailure("\(path): cannot be read: \(String(cString: strerror(errno)))") }
    }

    deinit { close(file) }

    /// - Returns: nil at the end; what stands behind the last newline is no line.
    mutating func next() -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                defer { start = end + 1 }
                return Array(buffer[start..<end])
            }
            buffer.removeFirst(start)
            (searched, start) = (buffer.count, 0)
            var chunk = [UInt8](repeating: 0, count: Self.chunkSize)
            let count = chunk.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            buffer += chunk.prefix(count)
        }
    }
}
