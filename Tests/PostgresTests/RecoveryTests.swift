import FoundationEssentials
import Logging
import Postgres
import ServiceLifecycle
import Testing

@Suite("Recovery and lifecycle") struct RecoveryTests {
    @Test("Ended sessions are replaced in the middle of load") func terminated() async throws {
        try await TestDatabase.withPool({ $0.applicationName = "loaded" }) { pool, database in
            let failures = Tally()
            let successes = Tally()
            let over = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        while over.count == 0 {
                            do {
                                _ = try await pool.query("SELECT 1")
                                successes.increment()
                            } catch PostgresError.connectionLost {
                                failures.increment()
                            }
                        }
                    }
                }
                group.addTask {
                    defer { over.increment() }
                    for round in 0..<5 {
                        try await database.terminateBackends(applicationName: "loaded")
                        // Those under way may have been answered before; what comes behind them has other sessions.
                        let before = successes.count
                        let deadline = ContinuousClock.now + .seconds(60)
                        while successes.count < before + 64 {
                            try #require(ContinuousClock.now < deadline, "load goes on after round \(round)")
                            try await Task.sleep(for: .milliseconds(5))
                        }
                    }
                }
                try await group.waitForAll()
            }
            // What the server announced as ended is sent again; only a break without a word may surface.
            #expect(failures.count * 5 < successes.count)
            #expect(try await pool.queryOne("SELECT 1", as: Int.self) == 1)
        }
    }

    @Test(
        "A request is sent again only when the server itself rolled it back",
        arguments: [
            ("FATAL", "57P01", true), ("FATAL", "57P05", true), ("FATAL", "25P03", true),
            ("FATAL", "08P01", false), ("FATAL", "57P02", false), ("FATAL", "XX000", false), ("PANIC", "XX000", false),
            ("PANIC", "57P01", false),
        ])
    func announcedEnds(severity: String, sqlState: String, isRepeated: Bool) async throws {
        let server = try DyingServer(severity: severity, sqlState: sqlState)
        defer { server.stop() }
        try await Postgres.withPool(TestDatabase.configuration(server.connectionString), logger: TestDatabase.quiet) { pool -> Void in
            await #expect {
                _ = try await pool.query("INSERT INTO t VALUES (1)")
            } throws: { error in
                if case PostgresError.connectionLost(let mayHaveRun) = error { mayHaveRun == !isRepeated } else { false }
            }
        }
        #expect(isRepeated ? server.requests > 1 : server.requests == 1)
    }

    @Test("A server that refuses connections: requests fail clearly, readiness follows, and the pool recovers") func refused() async throws
    {
        try await TestDatabase.withPool({
            $0.applicationName = "refused"
            $0.unavailableAfter = .milliseconds(500)
        }) { pool, database in
            try await pool.waitUntilReady()
            #expect(pool.isReady)
            try await Postgres.withPool(TestDatabase.configuration(try TestDatabase.clusterURL), logger: TestDatabase.quiet) { admin in
                _ = try await admin.execute("ALTER DATABASE \(identifier: database.name) ALLOW_CONNECTIONS false")
                _ = try await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = \(database.name)")
                let start = ContinuousClock.now
                await #expect {
                    _ = try await pool.query("SELECT 1")
                } throws: { error in
                    if case PostgresError.unavailable(let reason) = error { reason.contains("not currently accepting") } else { false }
                }
                #expect(ContinuousClock.now - start < .seconds(3))
                #expect(!pool.isReady)
                let again = ContinuousClock.now
                await #expect(throws: PostgresError.self) { _ = try await pool.query("SELECT 1") }
                #expect(ContinuousClock.now - again < .seconds(1))
                _ = try await admin.execute("ALTER DATABASE \(identifier: database.name) ALLOW_CONNECTIONS true")
            }
            try await expectEventually { pool.isReady }
            #expect(try await pool.queryOne("SELECT 1", as: Int.self) == 1)
        }
    }

    @Test("A short interruption is ridden out") func riddenOut() async throws {
        try await TestDatabase.withPool { pool, database in
            _ = try await pool.query("SELECT 1")
            try await Postgres.withPool(TestDatabase.configuration(try TestDatabase.clusterURL), logger: TestDatabase.quiet) { admin in
                _ = try await admin.execute("ALTER DATABASE \(identifier: database.name) ALLOW_CONNECTIONS false")
                _ = try await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = \(database.name)")
                async let answer = pool.queryOne("SELECT 5", as: Int.self)
                try await Task.sleep(for: .milliseconds(400))
                _ = try await admin.execute("ALTER DATABASE \(identifier: database.name) ALLOW_CONNECTIONS true")
                #expect(try await answer == 5)
            }
        }
    }

    @Test("An unreachable server is reported without the password") func unreachable() async throws {
        var configuration = PostgresConfiguration(connectionString: "postgresql://u:topsecret@127.0.0.1:1/topsecretdb")
        configuration.unavailableAfter = .milliseconds(200)
        try await Postgres.withPool(configuration, logger: TestDatabase.quiet) { pool -> Void in
            await #expect {
                _ = try await pool.query("SELECT 1")
            } throws: { error in
                guard let error = error as? PostgresError, case .unavailable(let reason) = error else { return false }
                return reason.contains("refused") && !error.debugDescription.contains("topsecret") && error.isSafeToRetry
            }
        }
        #expect {
            _ = try Postgres(PostgresConfiguration(connectionString: "postgresql://u:topsecret@[h"), logger: TestDatabase.quiet)
        } throws: { error in
            !String(reflecting: error).contains("topsecret")
        }
    }

    @Test("Graceful shutdown lets requests finish and refuses new ones") func gracefulShutdown() async throws {
        try await TestDatabase.with { database in
            let pool = try Postgres(database.configuration, logger: TestDatabase.quiet)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [.init(service: pool)], logger: TestDatabase.quiet))
            let running = Task { try await group.run() }
            let request = Task { try await pool.queryOne("SELECT 9 FROM pg_sleep(1.5)", as: Int.self) }
            try await expectEventually { pool.statistics.inFlight == 1 }
            await group.triggerGracefulShutdown()
            #expect(try await request.value == 9)
            try await running.value
            await #expect {
                _ = try await pool.query("SELECT 1")
            } throws: { error in
                if case PostgresError.closed = error { true } else { false }
            }
            #expect(pool.statistics.open == 0)
        }
    }

    @Test("Cancelling the pool's task ends everything at once") func cancelledRun() async throws {
        try await TestDatabase.with { database in
            let pool = try Postgres(database.configuration, logger: TestDatabase.quiet)
            let running = Task { try await pool.run() }
            let request = Task { try await pool.query("SELECT pg_sleep(60)") }
            try await expectEventually { pool.statistics.inFlight == 1 }
            running.cancel()
            try await running.value
            await #expect(throws: PostgresError.self) { _ = try await request.value }
        }
    }

    @Test("Idle connections are closed down to the minimum") func idle() async throws {
        try await TestDatabase.withPool({ $0.idleLifetime = .milliseconds(200) }) { pool, _ in
            _ = try await pool.query("SELECT pg_sleep(0.2)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await pool.query("SELECT pg_sleep(1)") } }
                try await expectEventually { pool.statistics.open > 1 }
                try await group.waitForAll()
            }
            try await expectEventually { pool.statistics.open == 1 }
            #expect(pool.isReady)
        }
    }

    @Test("Connections retire at their maximum age") func lifetime() async throws {
        try await TestDatabase.withPool({ $0.maximumLifetime = .milliseconds(100) }) { pool, _ in
            let first = try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self)
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self) != first)
        }
    }

    @Test("Several driver threads share the work") func threads() async throws {
        try await TestDatabase.withPool({ $0.driverThreads = 2 }) { pool, _ in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<500 { group.addTask { try await pool.queryOne("SELECT \(index)", as: Int.self) } }
                var sum = 0
                for try await value in group { sum += value }
                #expect(sum == 124_750)
            }
        }
    }
}
