import FoundationEssentials
import Postgres
import Testing

@Suite("Pipelining") struct PipeliningTests {
    @Test("Settings hold for their own request only, whatever shares the connection") func tenants() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 4 }) { pool, _ in
            try await Self.makeTenantTable(pool)
            let tenants = (0..<8).map { _ in UUID() }
            for (index, tenant) in tenants.enumerated() {
                try await pool.execute("INSERT INTO docs SELECT \(tenant), i, \(index) FROM generate_series(1, \(index + 1)) i")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<50 {
                    group.addTask {
                        for turn in 0..<200 {
                            let index = (worker &* 7 &+ turn) % tenants.count
                            switch turn % 5 {
                            case 4:
                                // No tenant: nothing is visible, although neighbours have set theirs.
                                let seen = try await pool.queryOne("SELECT count(*) FROM visible_docs()", as: Int.self)
                                #expect(seen == 0)
                            case 3:
                                await #expect(throws: PostgresError.self) {
                                    _ = try await pool.withTenant(tenants[index]).query("SELECT 1 / 0 FROM visible_docs()")
                                }
                            default:
                                let seen = try await pool.withTenant(tenants[index]).queryAll(
                                    "SELECT owner FROM visible_docs()", as: Int.self)
                                #expect(seen == Array(repeating: index, count: index + 1))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(pool.statistics.open <= 4)
        }
    }

    /// Row-level security does not bind superusers, so the rows are read by a function that owns nothing else: a role without rights
    /// of its own reads the table through its policy.
    static func makeTenantTable(_ pool: Postgres) async throws {
        let role = "sp_test_reader"
        _ = try? await pool.execute("CREATE ROLE \(identifier: role) NOLOGIN")
        try await pool.execute("CREATE TABLE docs (tenant_id uuid NOT NULL, id bigint NOT NULL, owner bigint, PRIMARY KEY (tenant_id, id))")
        try await pool.execute("ALTER TABLE docs ENABLE ROW LEVEL SECURITY")
        try await pool.execute(
            """
            CREATE POLICY tenant ON docs
                USING (tenant_id = (SELECT nullif(current_setting('sallyport.tenant_id', true), '')::uuid))
            """)
        try await pool.execute("GRANT SELECT ON docs TO \(identifier: role)")
        try await pool.execute("GRANT CREATE ON SCHEMA public TO \(identifier: role)")
        try await pool.execute(
            """
            CREATE FUNCTION visible_docs() RETURNS SETOF docs LANGUAGE plpgsql SECURITY DEFINER
                AS 'BEGIN RETURN QUERY SELECT * FROM docs; END'
            """)
        try await pool.execute("ALTER FUNCTION visible_docs() OWNER TO \(identifier: role)")
    }

    @Test("An error ends with its own request") func errorsStayAlone() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<300 {
                    group.addTask {
                        if index % 3 == 0 {
                            await #expect(throws: PostgresError.self) { try await pool.execute("INSERT INTO t VALUES (1 / \(0))") }
                        } else if index % 3 == 1 {
                            await #expect(throws: PostgresError.self) { try await pool.execute("SELECT syntax error \(index)") }
                        } else {
                            await #expect(throws: Never.self) { try await pool.execute("INSERT INTO t VALUES (\(Int32(index)))") }
                        }
                    }
                }
            }
            #expect(try await pool.queryOne("SELECT count(*) FROM t", as: Int.self) == 100)
        }
    }

    @Test("A batch is one transaction") func batches() async throws {
        try await TestDatabase.withPool { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY)")
            let results = try await pool.batch([
                "INSERT INTO t VALUES (1)", "SELECT count(*) FROM t", "SELECT pg_current_xact_id()::text",
                "SELECT pg_current_xact_id()::text",
            ])
            #expect(results.count == 4)
            #expect(try results[1][0].decode(Int.self) == 1)
            #expect(try results[2][0].decode(String.self) == results[3][0].decode(String.self))
            await #expect(throws: PostgresError.self) {
                _ = try await pool.batch(["INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (3)"])
            }
            #expect(try await pool.queryAll("SELECT id FROM t", as: Int.self) == [1])
        }
    }

    @Test("An error at commit is reported, and the connection goes on") func deferredConstraint() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            try await pool.execute("CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            try await pool.execute("INSERT INTO t VALUES (1)")
            async let duplicate = pool.execute("INSERT INTO t VALUES (1)")
            async let neighbour = pool.queryOne("SELECT 7", as: Int.self)
            #expect(try await neighbour == 7)
            do {
                _ = try await duplicate
                Issue.record("the duplicate was committed")
            } catch PostgresError.server(let error) {
                #expect(error.sqlState == .uniqueViolation)
            }
            #expect(try await pool.queryOne("SELECT count(*) FROM t", as: Int.self) == 1)
            #expect(pool.statistics.open == 1)
        }
    }

    @Test("Prepared statements are bounded, the least recently used leave") func preparedStatements() async throws {
        try await TestDatabase.withPool({
            $0.poolSize = 1; $0.preparedStatementLimit = 5
        }) { pool, _ in
            for round in 0..<3 {
                for index in 0..<20 {
                    #expect(try await pool.queryOne("SELECT \(unescaped: String(index)) + \(round)", as: Int.self) == index + round)
                }
            }
            let count = try await pool.queryOne("SELECT count(*) FROM pg_prepared_statements", as: Int.self)
            #expect(count <= 7)
        }
    }

    @Test("A statement whose result type changed is prepared again") func changedResultType() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, database in
            try await pool.execute("CREATE TABLE t (id int)")
            try await pool.execute("INSERT INTO t VALUES (1)")
            let all = SQLStatement("SELECT * FROM t")
            #expect(try await pool.query(SQL(all)).columnCount == 1)
            try await database.withAdmin { _ = try await $0.execute("ALTER TABLE t ADD COLUMN name text DEFAULT 'x'") }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await pool.query(SQL(all)).columnCount } }
                for try await columns in group { #expect(columns == 2) }
            }
            try await database.withAdmin { _ = try await $0.execute("ALTER TABLE t ALTER COLUMN id TYPE bigint") }
            #expect(try await pool.query(SQL(all)).columns.map(\.type) == [.int8, .text])
        }
    }

    @Test("A statement deallocated behind our back is prepared again") func deallocated() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            #expect(try await pool.queryOne("SELECT \(1)", as: Int.self) == 1)
            try await pool.execute("DEALLOCATE ALL")
            #expect(try await pool.queryOne("SELECT \(2)", as: Int.self) == 2)
        }
    }

    @Test("A failed first use does not spoil a statement") func failedPreparation() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            let statement = SQLStatement("SELECT count(*) FROM later")
            await #expect(throws: PostgresError.self) { _ = try await pool.query(SQL(statement)) }
            try await pool.execute("CREATE TABLE later (id int)")
            #expect(try await pool.query(SQL(statement)).count == 1)
        }
    }

    @Test("COPY is refused without harm to later requests") func copy() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 1 }) { pool, _ in
            for statement in ["COPY (SELECT 1) TO STDOUT", "COPY pg_class FROM STDIN"] as [SQL] {
                await #expect(throws: PostgresError.self) { _ = try await pool.query(statement) }
                let one = try await pool.queryOne("SELECT 1", as: Int.self)
                #expect(one == 1)
            }
        }
    }

    @Test("Large results and parameters pass both ways at once") func large() async throws {
        try await TestDatabase.withPool({ $0.poolSize = 2 }) { pool, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<24 {
                    group.addTask {
                        let bytes = [UInt8](repeating: UInt8(index), count: 1_500_000)
                        return try await pool.queryOne("SELECT \(bytes)", as: [UInt8].self) == bytes
                    }
                }
                for try await isEqual in group { #expect(isEqual) }
            }
        }
    }
}
