import FoundationEssentials
import Testing

@testable import Passwords

/// Watches the memory of the whole process, so it runs alone, as the other tests for leaks do.
@Suite("Memory of hashing") struct PasswordHasherLeakTests {
    @Test("stays flat over two thousand hashes and falls when idle", .timeLimit(.minutes(2))) func flat() async throws {
        let small = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 64, passes: 1))
        let large = PasswordHasher(
            parameters: try PasswordParameters(memoryKiB: 65536, passes: 1), threads: 1, maximumQueueLength: 1, idleMilliseconds: 20)
        for _ in 0..<200 { _ = try await small.hash("warm") }
        let before = try residentBytes()
        for _ in 0..<2000 { _ = try await small.hash("again") }
        #expect(try residentBytes() - before < 16 << 20)
        let hash = try await large.hash("large")
        for _ in 0..<3 { #expect(try await large.verify("large", against: hash) == .right) }
        while large.workers.counts.threads > 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try residentBytes() - before < 48 << 20)
        #expect(try await large.verify("large", against: hash) == .right)
    }

    private func residentBytes() throws -> Int {
        let text = String(decoding: try Data(contentsOf: URL(filePath: "/proc/self/statm")), as: UTF8.self)
        let fields = text.split(separator: " ")
        return try #require(fields.count > 1 ? Int(fields[1]) : nil) * 4096
    }
}
