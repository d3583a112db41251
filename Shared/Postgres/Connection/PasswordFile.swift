import Glibc

/// A database password in a file of its own.
enum PasswordFile {
    private static let sizeLimit = 4096

    /// The file's first line. Blocks.
    /// - Throws: `.unavailable`, as the file may be about to be replaced; names the file, never its contents.
    static func read(_ path: String) throws(PostgresError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unavailable("the password file \(path) cannot be opened: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var contents = [UInt8](repeating: 0, count: sizeLimit)
        let count = contents.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        let line = contents.prefix(max(0, count)).prefix { $0 != 0x0a && $0 != 0x0d && $0 != 0 }
        guard !line.isEmpty else { throw .unavailable("the password file \(path) is empty or cannot be read") }
        return String(decoding: line, as: UTF8.self)
    }
}
