import FoundationEssentials
import Postgres
import Testing

@Suite("Interactive transactions") struct TransactionTests {
    private struct Refusal: Error {}

    @Test("Returning commits, throwing rolls back, settings last to the end") func outcomes() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
            let tenant = UUID()
            let setting: SQL = "SELECT coalesce(current_setting('sallyport.tenant_id', true), '')"
            try await pool.withTenant(tenant) { transaction in
                try await transaction.execute("INSERT INTO t VALUES (1)")
                #expect(try await transaction.queryOne(setting, as: String.self) == tenant.uuidString.lowercased())
            }
            await #expect(throws: Refusal.self) {
                try await pool.withTransaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (2)")
                    throw Refusal()
                }
            }
            #expect(try await pool.queryAll("SELECT id FROM t", as: Int.self) == [1])
            #expect(try await pool.queryOne(setting, as: String.self) == "")
            #expect(pool.statistics.open == 1)
        }
    }

    @Test("A swallowed error still rolls back, and says so") func swallowed() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
            do {
                try await pool.withTransaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    _ = try? await transaction.execute("INSERT INTO t VALUES (1)")
                }
                Issue.record("commit of a failed transaction succeeded")
            } catch PostgresError.server(let error) {
                #expect(error.sqlState == .uniqueViolation)
            }
            #expect(try await pool.queryOne("SELECT count(*) FROM t", as: Int.self) == 0)
        }
    }

    @Test("Transactions and shared requests take turns on few connections") func mixed() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 2 }) { pool, _ in
            try await pool.execute("CREATE TABLE counter (value bigint)")
            try await pool.execute("INSERT INTO counter VALUES (0)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        if index % 4 == 0 {
                            try await pool.withTransaction { transaction in
                                let value = try await transaction.queryOne("SELECT value FROM counter FOR UPDATE", as: Int.self)
                                try await transaction.execute("UPDATE counter SET value = \(value + 1)")
                            }
                        } else {
                            _ = try await pool.query("SELECT \(index)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.queryOne("SELECT value FROM counter", as: Int.self) == 50)
            #expect(pool.statistics.leased == 0)
        }
    }

    @Test("A cancelled transaction rolls back and gives its connection back") func cancelled() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int)")
            let task = Task {
                try await pool.withTransaction { transaction in
                    try await transaction.execute("INSERT INTO t VALUES (1)")
                    _ = try await transaction.query("SELECT pg_sleep(60)")
                }
            }
            try await expectEventually { pool.statistics.leased == 1 }
            try await Task.sleep(for: .milliseconds(100))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await pool.queryOne("SELECT count(*) FROM t", as: Int.self) == 0)
            #expect(pool.statistics.leased == 0)
        }
    }

    @Test("A transaction cannot be used after its end") func escaped() async throws {
        try await TestDatabase.withPool { pool, _ in
            let escaped = try await pool.withTransaction { $0 }
            await #expect(throws: PostgresError.self) { _ = try await escaped.query("SELECT 1") }
        }
    }

    @Test("A connection left in a transaction by raw SQL is not shared again") func leftOpen() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            let first = try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self)
            try await pool.execute("BEGIN")
            let second = try await pool.queryOne("SELECT pg_backend_pid()", as: Int.self)
            #expect(first != second)
        }
    }
}
