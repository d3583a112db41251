import FoundationEssentials
import Glibc
import Logging
import Postgres
import Testing

@Suite("Cancellation and time limits") struct CancellationTests {
    @Test("A running query of a cancelled task ends at the server too") func running() async throws {
        try await TestDatabase.withPool({ $0.applicationName = "victim" }) { pool, database in
            let task = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await database.withAdmin { admin in
                try await expectEventually { try await Self.sleepers(admin) == 1 }
                let start = ContinuousClock.now
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
                #expect(ContinuousClock.now - start < .seconds(1))
                try await expectEventually(within: .seconds(5)) { try await Self.sleepers(admin) == 0 }
            }
            #expect(try await pool.queryOne("SELECT 1", as: Int.self) == 1)
        }
    }

    static func sleepers(_ admin: Postgres) async throws -> Int {
        try await admin.queryOne(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'
            """, as: Int.self)
    }

    @Test("A task cancelled before or while waiting for a connection is released at once") func queued() async throws {
        try await TestDatabase.withPool({
            $0.poolSize = 1; $0.maximumPipelineDepth = 1
        }) { pool, _ in
            let blocker = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            let waiting = Task { try await pool.query("SELECT 2") }
            try await expectEventually { pool.statistics.waiting == 1 }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { _ = try await waiting.value }
            try await expectEventually { pool.statistics.waiting == 0 }
            blocker.cancel()
            await #expect(throws: CancellationError.self) { _ = try await blocker.value }
            let early = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await pool.query("SELECT 3")
            }
            await #expect(throws: CancellationError.self) { _ = try await early.value }
            #expect(try await pool.queryOne("SELECT 4", as: Int.self) == 4)
        }
    }

    @Test("Neighbours on the connection of a cancelled query get their results") func innocent() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 2 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<60 {
                    group.addTask {
                        for turn in 0..<10 {
                            let victim = Task { try await pool.query("SELECT pg_sleep(0.02), \(turn)") }
                            let id = index * 10 + turn
                            async let neighbour = pool.execute("INSERT INTO t SELECT \(id) FROM pg_sleep(0.001)")
                            try await Task.sleep(for: .milliseconds(turn))
                            victim.cancel()
                            _ = try? await victim.value
                            #expect(try await neighbour == 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.queryOne("SELECT count(*) FROM t", as: Int.self) == 600)
        }
    }

    @Test("A query's own timeout ends it") func timeout() async throws {
        try await TestDatabase.withPool { pool, database in
            let start = ContinuousClock.now
            await #expect {
                _ = try await pool.query("SELECT pg_sleep(60)", timeout: .milliseconds(100))
            } throws: { error in
                if case PostgresError.timedOut = error { true } else { false }
            }
            #expect(ContinuousClock.now - start < .seconds(2))
            try await database.withAdmin { admin in
                try await expectEventually(within: .seconds(5)) { try await Self.sleepers(admin) == 0 }
            }
        }
    }

    @Test("The session's statement timeout is the server's") func statementTimeout() async throws {
        try await TestDatabase.withPool({ $0.statementTimeout = .milliseconds(100) }) { pool, _ in
            do {
                _ = try await pool.query("SELECT pg_sleep(60)")
                Issue.record("no timeout")
            } catch PostgresError.server(let error) {
                #expect(error.sqlState == .queryCanceled)
            }
        }
    }

    @Test("Waiting for a connection has a limit") func acquisition() async throws {
        try await TestDatabase.withPool({
            $0.poolSize = 1
            $0.maximumPipelineDepth = 1
            $0.acquisitionTimeout = .seconds(2)
            $0.maximumQueueLength = 2
        }) { pool, _ in
            let blocker = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            let waiters = (0..<2).map { _ in Task { try await pool.query("SELECT 2") } }
            try await expectEventually { pool.statistics.waiting == 2 }
            await #expect {
                _ = try await pool.query("SELECT 3")
            } throws: { error in
                if case PostgresError.queueFull(limit: 2) = error { true } else { false }
            }
            for waiter in waiters {
                await #expect {
                    _ = try await waiter.value
                } throws: { error in
                    if case PostgresError.acquisitionTimedOut = error { true } else { false }
                }
            }
            blocker.cancel()
            _ = try? await blocker.value
        }
    }

    @Test("A transaction that is next gives up in its time, although others wait behind it") func reservation() async throws {
        try await TestDatabase.withPool({
            $0.poolSize = 1
            $0.maximumPipelineDepth = 1
            $0.acquisitionTimeout = .seconds(1)
        }) { pool, _ in
            let blocker = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            let transaction = Task {
                _ = try? await pool.withTransaction { try await $0.execute("SELECT 1") }
                return ContinuousClock.now
            }
            // So much later is its time over.
            try await Task.sleep(for: .milliseconds(300))
            let follower = Task {
                _ = try? await pool.query("SELECT 2")
                return ContinuousClock.now
            }
            #expect(await transaction.value < follower.value - .milliseconds(100))
            blocker.cancel()
            _ = try? await blocker.value
        }
    }

    @Test("Requests do not queue behind a slow statement while others are free") func slowNeighbour() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 2 }) { pool, _ in
            let slow = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            try await Task.sleep(for: .milliseconds(50))
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 { group.addTask { _ = try await pool.query("SELECT 1") } }
                try await group.waitForAll()
            }
            #expect(ContinuousClock.now - start < .seconds(3))
            slow.cancel()
            _ = try? await slow.value
        }
    }

    @Test("A pool ends without statements that were given up, though the server says nothing of them") func silentServer() async throws {
        try await TestDatabase.with { database in
            var configuration = database.configuration
            configuration.poolSize = 1
            let pool = try Postgres(configuration, logger: TestDatabase.quiet)
            let process = try await pool.queryOne("SELECT pg_backend_pid()", as: Int32.self)
            try #require(kill(process, SIGSTOP) == 0, "the cluster runs here, as this user or for root")
            defer { kill(process, SIGCONT) }
            let statement = Task { try await pool.query("SELECT 1") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            statement.cancel()
            await #expect(throws: CancellationError.self) { try await statement.value }
            let start = ContinuousClock.now
            await pool.shutdown()
            #expect(ContinuousClock.now - start < .seconds(3))
        }
    }

    @Test("A storm of cancellations leaves a working pool") func storm() async throws {
        try await TestDatabase.withPool { pool, _ in
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<2000 {
                    group.addTask {
                        let task = Task { try await pool.queryOne("SELECT \(index)", as: Int.self) }
                        if index % 2 == 0 {
                            if index % 4 == 0 { await Task.yield() }
                            task.cancel()
                        }
                        if let value = try? await task.value { #expect(value == index) }
                    }
                }
            }
            try await expectEventually { pool.statistics.inFlight == 0 && pool.statistics.waiting == 0 }
            #expect(try await pool.queryOne("SELECT 1", as: Int.self) == 1)
        }
    }
}
