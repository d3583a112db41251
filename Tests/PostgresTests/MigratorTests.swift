import Logging
import Postgres
import Testing

@Suite("Migrations") struct MigratorTests {
    private static let two = [
        Migration(number: 1, name: "tables", sql: "CREATE TABLE a (id int);\nCREATE TABLE b (id int);\nINSERT INTO a VALUES (1);"),
        Migration(number: 2, name: "more", sql: "SELECT pg_sleep(0.05); INSERT INTO a VALUES (2); SET search_path = nowhere"),
    ]

    private func migrator(_ database: TestDatabase, _ migrations: [Migration]) throws -> Migrator {
        try Migrator(database.configuration, migrations: migrations, logger: TestDatabase.quiet)
    }

    @Test("Ten instances starting at once migrate once") func concurrent() async throws {
        try await TestDatabase.withPool { pool, database in
            let migrator = try migrator(database, Self.two)
            let applied = try await withThrowingTaskGroup(of: [Migration].self) { group in
                for _ in 0..<10 { group.addTask { try await migrator.migrate() } }
                var applied: [Migration] = []
                for try await batch in group { applied += batch }
                return applied
            }
            #expect(applied.sorted { $0.number < $1.number } == Self.two)
            #expect(try await pool.queryAll("SELECT id FROM a ORDER BY id", as: Int.self) == [1, 2])
            #expect(try await migrator.status().map(\.isApplied) == [true, true])
            #expect(try await migrator.migrate() == [])
        }
    }

    @Test("A failing migration leaves nothing behind, those before it stay") func failing() async throws {
        try await TestDatabase.withPool { pool, database in
            let bad = Migration(number: 3, name: "bad", sql: "CREATE TABLE c (id int);\nINSERT INTO a VALUES (3);\nSELECT nonsense;")
            do {
                _ = try await migrator(database, Self.two + [bad]).migrate()
                Issue.record("nonsense was applied")
            } catch let error as MigrationError {
                #expect(error.description.contains("0003_bad.sql failed at line 3"))
                #expect(error.description.contains("nonsense"))
            }
            #expect(try await pool.queryOne("SELECT to_regclass('c') IS NULL", as: Bool.self))
            #expect(try await pool.queryAll("SELECT id FROM a ORDER BY id", as: Int.self) == [1, 2])
            let good = Migration(number: 3, name: "bad", sql: "CREATE TABLE c (id int)")
            #expect(try await migrator(database, Self.two + [good]).migrate() == [good])
        }
    }

    @Test("Changed, missing, renamed and unknown migrations are refused with a cure") func refusals() async throws {
        try await TestDatabase.with { database in
            _ = try await migrator(database, Self.two).migrate()
            func message(_ migrations: [Migration]) async -> String {
                do {
                    _ = try await migrator(database, migrations).migrate()
                    return ""
                } catch {
                    return "\(error)"
                }
            }
            let changed = Migration(number: 1, name: "tables", sql: Self.two[0].sql + " ")
            #expect(await message([changed, Self.two[1]]).contains("0001_tables.sql was applied with other contents: restore"))
            #expect(await message([Self.two[0]]).contains("use a newer version"))
            #expect(await message([Self.two[0], Migration(number: 2, name: "x", sql: Self.two[1].sql)]).contains("another"))
            #expect(await message([Self.two[0], Migration(number: 3, name: "x", sql: "")]).contains("no migration number 2"))
            #expect(await message(Self.two + [Self.two[1]]).contains("two migrations have the number 2"))
            let commit = Migration(number: 3, name: "commit", sql: "CREATE TABLE d (id int); COMMIT; BEGIN")
            #expect(await message(Self.two + [commit]).contains("COMMIT or ROLLBACK"))
        }
    }

    @Test("Waiting for another instance can be cancelled") func cancelled() async throws {
        try await TestDatabase.withPool { pool, database in
            try await pool.withTransaction { transaction in
                _ = try await transaction.query("SELECT pg_advisory_xact_lock(\(0x7361_6c6c_7970_6f72))")
                let migrator = try migrator(database, Self.two)
                let task = Task { try await migrator.migrate() }
                try await Task.sleep(for: .milliseconds(200))
                task.cancel()
                await #expect(throws: CancellationError.self) { _ = try await task.value }
            }
        }
    }
}
