import Testing

@testable import Postgres

@Suite("Threads") struct ThreadTests {
    /// More than there is.
    private static let tooMuch = 1 << 60

    @Test("Where there is no room for a thread, its work fails instead of the process") func noRoom() async throws {
        await SystemThread.$stackBytes.withValue(Self.tooMuch) {
            #expect(throws: PostgresError.self) { try SystemThread.start(name: "never") { Issue.record("it ran") } }
            await #expect {
                try await SystemThread.run(name: "never") { Issue.record("it ran") }
            } throws: { error in
                (error as? PostgresError)?.isSafeToRetry == true
            }
        }
        #expect(try await SystemThread.run(name: "later") { 7 } == 7)
    }

    @Test("A pool whose driver cannot start says so, and starts with a later request") func pool() async throws {
        try await TestDatabase.withPool { pool, _ async throws in
            await SystemThread.$stackBytes.withValue(Self.tooMuch) {
                pool.start()
                await #expect {
                    _ = try await pool.query("SELECT 1")
                } throws: { error in
                    if case PostgresError.unavailable(let reason) = error { reason.contains("thread") } else { false }
                }
            }
            #expect(try await pool.queryOne("SELECT 1", as: Int.self) == 1)
        }
    }

    @Test("A pool that never started shuts down") func shutdown() async throws {
        let pool = try Postgres(PostgresConfiguration(connectionString: "host=127.0.0.1"), logger: TestDatabase.quiet)
        await SystemThread.$stackBytes.withValue(Self.tooMuch) {
            pool.start()
            await pool.shutdown()
        }
        await #expect(throws: PostgresError.self) { _ = try await pool.query("SELECT 1") }
    }

    @Test("A listener without a thread fails, and its events end") func listener() async throws {
        let listener = try PostgresListener(
            PostgresConfiguration(connectionString: "host=127.0.0.1"), channels: ["one"], logger: TestDatabase.quiet)
        await SystemThread.$stackBytes.withValue(Self.tooMuch) {
            await #expect(throws: PostgresError.self) { try await listener.run() }
        }
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == nil)
    }
}
