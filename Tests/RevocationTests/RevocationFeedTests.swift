import Logging
import Postgres
import Revocation
import ServiceLifecycle
import Synchronization
import Tenancy
import TestSupport
import Testing

@Suite("The feed of the index", .enabled(if: TestDatabase.isConfigured)) struct RevocationFeedTests {
    private static let acme = TenantID(TestDatabase.acme)
    private static let globex = TenantID(TestDatabase.globex)

    private func user(_ name: String, of tenant: TenantID) -> RevocableToken {
        RevocableToken(
            tenant: tenant, tokenID: "t", grantID: nil, sessionID: nil, subject: name, clientID: "c", issuedAt: TestLog.now - 10)
    }

    /// - Parameters:
    ///   - now: the feed's clock.
    ///   - prepare: before the feed begins.
    ///   - body: gets a superuser's pool as well.
    private func withFeed(
        now: @Sendable @escaping () -> Int64 = { TestLog.now },
        prepare: (TestLog, _ superuser: Postgres) async throws -> Void = { _, _ in },
        _ body: @Sendable @escaping (RevocationIndex, TestLog, _ superuser: Postgres) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { writers in
                try await database.withPool(role: "postgres") { superuser in
                    try await database.withPool(role: "sallyport_api") { readers in
                        try await prepare(TestLog(writers), superuser)
                        let index = RevocationIndex(staleness: .seconds(60))
                        let feed = try RevocationFeed(
                            PostgresConfiguration(connectionString: database.connectionString(role: "sallyport_api")), database: readers,
                            index: index, logger: logger, now: now)
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            group.addTask { try await feed.listener.run() }
                            group.addTask { try await feed.run() }
                            try await body(index, TestLog(writers), superuser)
                            group.cancelAll()
                            while let result = await group.nextResult() {
                                if case .failure(let error) = result, !(error is CancellationError), !(error is PostgresError) {
                                    throw error
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("A log that cannot be read does not keep the service from ending") func unreadable() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try await TestDatabase.with { database in
            try await database.withPool(role: "postgres") { superuser in
                try await superuser.execute("ALTER FUNCTION sallyport.revocation_horizon() RENAME TO gone")
                try await database.withPool(role: "sallyport_api") { readers in
                    let index = RevocationIndex(staleness: .seconds(60))
                    let feed = try RevocationFeed(
                        PostgresConfiguration(connectionString: database.connectionString(role: "sallyport_api")), database: readers,
                        index: index, logger: logger, now: { 0 })
                    let services = ServiceGroup(services: [feed.listener, feed], gracefulShutdownSignals: [], logger: logger)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await services.run() }
                        // The attempts have begun when the log has been asked.
                        try await eventually("an attempt") {
                            try await superuser.queryOne(
                                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sallyport_api' AND query LIKE '%revocation_horizon%'",
                                as: Int.self) > 0
                        }
                        await services.triggerGracefulShutdown()
                        try await group.waitForAll()
                    }
                    #expect(!index.isCurrent)
                }
            }
        }
    }

    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                Issue.record("not within 20 seconds: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("What was revoked while nobody listened is known before the index is believed again") func gap() async throws {
        try await withFeed { index, log, superuser in
            try await eventually("current") { index.isCurrent }
            try await log.revoke("before", in: Self.acme)
            try await eventually("announced") { index.revokes(user("before", of: Self.acme)) }
            #expect(!index.revokes(user("before", of: Self.globex)))

            let name = try await database(superuser)
            try await superuser.execute("REVOKE CONNECT ON DATABASE \(identifier: name) FROM sallyport_api")
            try await superuser.execute(Self.endListeners)
            try await eventually("deaf") { try await listeners(superuser) == 0 }
            try await log.revoke("meanwhile", in: Self.acme)
            try await log.revoke("elsewhere", in: Self.globex)
            #expect(!index.revokes(user("meanwhile", of: Self.acme)))

            try await superuser.execute("GRANT CONNECT ON DATABASE \(identifier: name) TO sallyport_api")
            try await eventually("caught up") {
                index.revokes(user("meanwhile", of: Self.acme)) && index.revokes(user("elsewhere", of: Self.globex))
            }
            #expect(index.revokes(user("before", of: Self.acme)) && !index.revokes(user("meanwhile", of: Self.globex)))
        }
    }

    @Test("It is not ready, and says nothing, until it holds the whole living log") func readiness() async throws {
        try await withFeed(prepare: { log, superuser in
            for tenant in [Self.acme, Self.globex] { try await log.revoke("known", in: tenant) }
            try await superuser.execute("REVOKE EXECUTE ON FUNCTION sallyport.unseen_revocations FROM sallyport_api")
        }) { index, log, superuser in
            let tokens = [Self.acme, Self.globex].map { user("known", of: $0) }
            // Heard, and still not enough: the log cannot be read.
            try await eventually("listening") { try await listeners(superuser) == 1 }
            try await log.revoke("later", in: Self.acme)
            #expect(!index.isCurrent && index.lag == nil)
            #expect(index.verdict(on: tokens[0]) == .unknown)
            #expect(index.refusals == 1)
            try await superuser.execute("GRANT EXECUTE ON FUNCTION sallyport.unseen_revocations TO sallyport_api")
            try await eventually("current") { index.isCurrent }
            for token in tokens { #expect(index.verdict(on: token) == .revoked) }
            #expect(index.verdict(on: user("unknown", of: Self.acme)) == .stands)
            #expect(index.lag.map { $0 < .seconds(5) } == true)
        }
    }

    @Test("A clock that goes back brings back what it had made moot") func clockGoesBack() async throws {
        let ahead = AheadOfTime()
        try await withFeed(now: { TestLog.now + ahead.seconds.load(ordering: .relaxed) }) { index, log, _ in
            try await eventually("current") { index.isCurrent }
            try await log.revoke("mine", in: Self.acme)
            try await log.revoke("theirs", in: Self.globex)
            let tokens = [user("mine", of: Self.acme), user("theirs", of: Self.globex)]
            try await eventually("announced") { tokens.allSatisfy { index.revokes($0) } }
            ahead.seconds.store(7200, ordering: .relaxed)
            // The feed sweeps part after part, with each sign of life; here all at once.
            index.removeExpired(now: TestLog.now + 7200)
            #expect(index.count == 0 && tokens.allSatisfy { !index.revokes($0) })
            ahead.seconds.store(0, ordering: .relaxed)
            try await eventually("known again") { tokens.allSatisfy { index.revokes($0) } }
            #expect(!index.revokes(user("mine", of: Self.globex)))
        }
    }

    private func database(_ postgres: Postgres) async throws -> String {
        try await postgres.queryOne("SELECT current_database()::text") { try $0.decode(String.self) }
    }

    private func listeners(_ postgres: Postgres) async throws -> Int64 {
        try await postgres.queryOne(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND usename LIKE 'sallyport_a%' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
            """
        ) { try $0.decode(Int64.self) }
    }

    private static let endListeners: SQL = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'sallyport_api' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
        """
}

/// How far a clock is ahead.
private final class AheadOfTime: Sendable {
    let seconds = Atomic<Int64>(0)
}
