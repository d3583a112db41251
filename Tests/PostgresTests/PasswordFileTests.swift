import FoundationEssentials
import Postgres
import Testing

@Suite("A password in a file") struct PasswordFileTests {
    /// A role that the server asks for a password would need a cluster of its own: that the password arrives is shown by the packaging tests.
    @Test("It is read for each connection: connecting fails while it is missing, and names it, and works once it is there")
    func readForEachConnection() async throws {
        let path = TemporaryPath.unique()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await TestDatabase.with { database in
            var configuration = database.configuration
            configuration.passwordFile = path
            configuration.unavailableAfter = .milliseconds(200)
            try await Postgres.withPool(configuration, logger: TestDatabase.quiet) { pool in
                let refusal = await #expect(throws: PostgresError.self) { try await pool.query("SELECT 1") }
                #expect(refusal?.debugDescription.contains(path) == true)
                try Data("secret\n".utf8).write(to: URL(filePath: path))
                // What is refused while no connection is tried comes back at once; the next attempt is a pause of the pool's away.
                var answer: Int?
                let deadline = ContinuousClock.now + .seconds(20)
                while answer == nil, ContinuousClock.now < deadline {
                    answer = try? await pool.queryOne("SELECT 1", as: Int.self)
                    if answer == nil { try await Task.sleep(for: .milliseconds(20)) }
                }
                #expect(answer == 1)
            }
        }
    }
}

private enum TemporaryPath {
    static func unique() -> String { "/tmp/sallyport-password-\(UUID().uuidString)" }
}
