internal import Cryptography

/// A file of passwords known from breaches, of one of two kinds, told apart by its first line:
///
/// * lines of SHA-1 in hex, perhaps followed by a colon and a count, sorted: the form in which Have I Been Pwned publishes its list. It may
///   be of any size; a look-up reads a few dozen short pieces of it.
/// * one password a line, in UTF-8. It is held in memory in eight bytes a password, so it may have two million lines at most.
///
/// The file is opened once; put a new one in its place and restart to use that.
public final class BreachedPasswords: Sendable {
    /// Why a list cannot be used, in words for the operator.
    public struct Failure: Error, Hashable, CustomStringConvertible {
        public let description: String
    }

    private enum Contents: Sendable {
        case sorted(SortedHashFile)
        /// The first eight bytes of each password's SHA-1, sorted.
        case memory([UInt64])
    }

    static let maximumLines = 2_000_000
    private static let maximumWaiting = 256

    private let contents: Contents
    private let workers = WorkerThreads(name: "breached", threads: 1, maximumQueueLength: maximumWaiting)

    /// Reads what is needed of the file; blocks meanwhile, so call it when starting.
    ///
    /// - Throws: `Failure` if it cannot be read, is empty, not sorted, or too long for its kind.
    public init(file path: String) throws {
        let file = try ReadOnlyFile(path)
        if try SortedHashFile.recognizes(file) {
            contents = .sorted(try SortedHashFile(file))
        } else {
            contents = .memory(try Self.read(file))
        }
    }

    deinit {
        workers.close()
    }

    /// Whether the password is on the list, exactly as it is.
    ///
    /// - Throws: `Failure`, `PasswordHasher.Busy`, `CancellationError`.
    public func contains(_ password: String) async throws -> Bool {
        let hash = try SHA1.hash(Array(password.utf8))
        switch contents {
        case .memory(let prefixes):
            let prefix = Self.prefix(hash)
            let index = prefixes.partitioningIndex { $0 >= prefix }
            return index < prefixes.count && prefixes[index] == prefix
        case .sorted(let file):
            do {
                return try await workers.run { _ in try file.contains(hash) }
            } catch is WorkerThreads.Full {
                throw PasswordHasher.Busy()
            }
        }
    }

    private static func read(_ file: ReadOnlyFile) throws -> [UInt64] {
        var prefixes: [UInt64] = []
        try file.forEachLine { line in
            guard !line.isEmpty else { return }
            guard prefixes.count < maximumLines else {
                throw Failure(description: "\(file.path) has over \(maximumLines) passwords: use a sorted list of SHA-1 hashes instead")
            }
            prefixes.append(prefix(try SHA1.hash(line)))
        }
        guard !prefixes.isEmpty else { throw Failure(description: "\(file.path) is empty") }
        prefixes.sort()
        return prefixes
    }

    private static func prefix(_ hash: [UInt8]) -> UInt64 {
        hash.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension [UInt64] {
    /// The first index whose element satisfies what all after it satisfy too.
    fileprivate func partitioningIndex(_ isAfter: (UInt64) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
