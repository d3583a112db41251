import Cryptography
import JOSE
import JSON

/// How an archive stands in its file. Readable: its lines as they are. Sealed, unless asked otherwise:
///
/// ```
/// {"sallyport_sealed_tenant":1,"file":"<16 random bytes>"}
/// base64url of the first 64 KiB of lines, sealed (``SealingKey``) under the transfer key
/// …
/// ```
///
/// Each block is bound to its file and its place in it, and the last line of the archive counts the rows: what was cut off, moved, or taken
/// from another file does not open, or is missed.
enum TenantArchiveFile {
    static let format: Int64 = 1
    static let blockSize = 1 << 16

    static func context(_ file: String, _ number: Int) -> [UInt8] {
        Array("sallyport tenant export \(format) \(file) \(number)".utf8)
    }
}

/// Belongs to one task.
final class TenantArchiveWriter {
    private let file: PrivateFileWriter
    private let seal: (key: SealingKey, file: String)?
    private var block: [UInt8] = []
    private var number = 0

    /// - Parameter key: nil for a readable file.
    init(_ path: String, sealedWith key: SealingKey?) throws {
        file = try PrivateFileWriter(path)
        seal = key.map { ($0, Base64URL.encode(SecureRandom.bytes(16))) }
        if let seal {
            let header: JSONObject = ["sallyport_sealed_tenant": .integer(TenantArchiveFile.format), "file": .string(seal.file)]
            try file.write(header.serialized() + [0x0a])
        }
    }

    func write(_ line: [UInt8]) throws {
        block += line
        block.append(0x0a)
        if block.count >= TenantArchiveFile.blockSize { try flush() }
    }

    func finish() throws {
        if !block.isEmpty { try flush() }
        try file.finish()
    }

    private func flush() throws {
        if let seal {
            let sealed = try seal.key.seal(block, authenticating: TenantArchiveFile.context(seal.file, number))
            try file.write(Array(Base64URL.encode(sealed).utf8) + [0x0a])
        } else {
            try file.write(block)
        }
        block.removeAll(keepingCapacity: true)
        number += 1
    }
}

/// Belongs to one task.
final class TenantArchiveReader {
    private var lines: LineReader
    private let key: SealingKey
    /// Of a sealed one.
    private let file: String?
    /// Whether nobody without the transfer key can have written it.
    var isSealed: Bool { file != nil }
    private var waiting: [UInt8]?
    private var block: ArraySlice<UInt8> = []
    private var number = 0

    /// - Parameter key: the transfer key.
    init(_ path: String, key: SealingKey) throws {
        lines = try LineReader(path)
        self.key = key
        waiting = lines.next()
        let header = waiting.flatMap { try? JSONValue(parsing: $0).objectValue }
        guard let format = header?["sallyport_sealed_tenant"]?.intValue else {
            file = nil
            return
        }
        guard format == TenantArchiveFile.format, let name = header?["file"]?.stringValue else {
            throw CommandFailure("\(path): a format that this version does not know")
        }
        (file, waiting) = (name, nil)
    }

    /// - Returns: nil at the end; what stands behind the last newline is no line.
    func next() throws -> [UInt8]? {
        guard let file else {
            defer { waiting = nil }
            return waiting ?? lines.next()
        }
        while true {
            if let end = block.firstIndex(of: 0x0a) {
                defer { block = block[(end + 1)...] }
                return Array(block[..<end])
            }
            guard let line = lines.next() else { return nil }
            guard let sealed = try? Base64URL.decode(line),
                let opened = try? key.open(sealed, authenticating: TenantArchiveFile.context(file, number))
            else { throw CommandFailure("the file does not open with the transfer key that is given, or was changed") }
            block = opened[...]
            number += 1
        }
    }
}
