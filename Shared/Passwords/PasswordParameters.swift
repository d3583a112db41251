/// What Argon2id is to cost. One lane: a hash runs on one thread.
public struct PasswordParameters: Sendable, Hashable {
    /// Neither is a setting out of range.
    public struct OutOfRange: Error, Hashable, CustomStringConvertible {
        public let description: String
    }

    /// Working memory of a hash in KiB (1024 bytes).
    public var memoryKiB: Int
    /// How often the memory is passed over.
    public var passes: Int

    /// OWASP's: 19 MiB, two passes.
    public static let recommended = PasswordParameters(uncheckedMemoryKiB: 19456, passes: 2)

    /// - Parameters:
    ///   - memoryKiB: 8 to 1048576 (1 GiB).
    ///   - passes: 1 to 64; times the memory at most 4 GiB.
    /// - Throws: `OutOfRange`, which names the limit.
    public init(memoryKiB: Int, passes: Int) throws {
        guard (8...HashLimits.argon2MemoryKiB).contains(memoryKiB) else {
            throw OutOfRange(description: "the memory of a password hash is 8 to \(HashLimits.argon2MemoryKiB) KiB, not \(memoryKiB)")
        }
        guard (1...HashLimits.argon2Passes).contains(passes) else {
            throw OutOfRange(description: "the passes of a password hash are 1 to \(HashLimits.argon2Passes), not \(passes)")
        }
        guard memoryKiB * passes <= HashLimits.argon2WorkKiB else {
            throw OutOfRange(description: "memory times passes of a password hash is at most \(HashLimits.argon2WorkKiB) KiB")
        }
        self.init(uncheckedMemoryKiB: memoryKiB, passes: passes)
    }

    private init(uncheckedMemoryKiB: Int, passes: Int) {
        memoryKiB = uncheckedMemoryKiB
        self.passes = passes
    }
}

/// Costs beyond these are refused when a hash is parsed: an imported hash must not be able to occupy the server.
enum HashLimits {
    static let textBytes = 1024
    static let argon2MemoryKiB = 1 << 20
    static let argon2Passes = 64
    static let argon2Lanes = 64
    static let argon2WorkKiB = 4 << 20
    static let pbkdf2Iterations = 10_000_000
    static let scryptBytes = 256 << 20
    static let bcryptCost = 16
}
