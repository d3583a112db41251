/// Sorted lines of SHA-1 in hex, each perhaps with a colon and a count, searched in place.
struct SortedHashFile: Sendable {
    private static let hexBytes = 40
    /// Longer than two lines: hash, colon, a count of ten digits, line end.
    private static let window = 128
    private static let probes = 64

    private let file: ReadOnlyFile

    /// Whether the first line is one of such a file.
    static func recognizes(_ file: ReadOnlyFile) throws -> Bool {
        hash(inLine: try file.read(at: 0, count: window)[...]) != nil
    }

    /// - Throws: `BreachedPasswords.Failure` if samples of it are not in order.
    init(_ file: ReadOnlyFile) throws {
        self.file = file
        var last: [UInt8] = []
        for probe in 0..<Self.probes {
            guard let line = try line(from: file.size * probe / Self.probes) else { break }
            guard !line.hash.lexicographicallyPrecedes(last) else {
                throw BreachedPasswords.Failure(description: "\(file.path) is not sorted by hash")
            }
            last = line.hash
        }
    }

    /// - Parameter hash: 20 bytes.
    func contains(_ hash: [UInt8]) throws -> Bool {
        // The line that is wanted begins at `low` or later and before `high`.
        var low = 0
        var high = file.size
        while low < high {
            let middle = (low + high) / 2
            guard let line = try line(from: middle), line.start < high else {
                high = middle
                continue
            }
            if line.hash == hash { return true }
            if line.hash.lexicographicallyPrecedes(hash) { low = line.end } else { high = middle }
        }
        return false
    }

    private struct Line {
        var start: Int
        /// Where the next begins.
        var end: Int
        var hash: [UInt8]
    }

    /// The first line that begins at `offset` or later; none at the end of the file.
    private func line(from offset: Int) throws -> Line? {
        let newline = UInt8(ascii: "\n")
        let before = max(offset - 1, 0)
        let bytes = try file.read(at: before, count: 2 * Self.window)
        var start = 0
        if offset > 0 {
            guard let end = bytes.firstIndex(of: newline) else {
                if before + bytes.count >= file.size { return nil }
                throw malformed(offset)
            }
            start = end + 1
        }
        guard start < bytes.count else { return nil }
        guard let hash = Self.hash(inLine: bytes[start...]) else { throw malformed(before + start) }
        let end = bytes[start...].firstIndex(of: newline).map { $0 + 1 } ?? bytes.count
        return Line(start: before + start, end: before + end, hash: hash)
    }

    private static func hash(inLine bytes: ArraySlice<UInt8>) -> [UInt8]? {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard line.count == hexBytes || (line.count > hexBytes && line[line.startIndex + hexBytes] == UInt8(ascii: ":")) else { return nil }
        guard line.dropFirst(hexBytes + 1).allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return HashText.hex(String(decoding: line.prefix(hexBytes), as: UTF8.self)[...])
    }

    private func malformed(_ offset: Int) -> BreachedPasswords.Failure {
        BreachedPasswords.Failure(description: "\(file.path) has a line that is no SHA-1 hash, near byte \(offset)")
    }
}
