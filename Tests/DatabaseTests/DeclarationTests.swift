import FoundationEssentials
import Postgres
import TestSupport
import Testing

@Suite("Declaring a table", .enabled(if: TestDatabase.isConfigured)) struct DeclarationTests {
    /// Runs statements as the owner, in one transaction.
    ///
    /// - Returns: the failing statement's error.
    private func run(_ statements: [SQL], settings: TransactionSettings = .none, in database: TestDatabase) async throws -> ServerError? {
        try await database.withPool(role: "sallyport_owner") { postgres async throws in
            do {
                _ = try await postgres.batch(statements, settings: settings)
                return nil
            } catch PostgresError.server(let error) {
                return error
            }
        }
    }

    private func problems(_ table: String, in database: TestDatabase) async throws -> [String] {
        try await database.withPool(role: "sallyport_api") { postgres async throws in
            try await postgres.query("SELECT problem FROM sallyport.isolation_problems(\(table)::regclass)")
                .map { try $0.decode(String.self, column: 0) }
        }
    }

    @Test("adds the column, the key, the policy and the grants, and does so once") func enabling() async throws {
        try await TestDatabase.with { database async throws in
            #expect(
                try await run(
                    [
                        "CREATE TABLE api.notes (id int PRIMARY KEY, number serial, body text)",
                        "SELECT sallyport.enable_tenancy('api.notes')", "SELECT sallyport.enable_tenancy('api.notes')",
                    ], in: database) == nil)
            #expect(try await problems("api.notes", in: database).isEmpty)
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                for tenant in [TestDatabase.acme, TestDatabase.globex] {
                    let inserted = try await postgres.query(
                        "INSERT INTO api.notes (id, body) VALUES (1, 'x') RETURNING tenant_id", settings: .tenant(tenant))
                    #expect(try inserted[0].decode(UUID.self) == tenant)
                }
            }
        }
    }

    @Test("gives existing rows to the tenant that is set, and refuses when none is") func backfill() async throws {
        try await TestDatabase.with { database async throws in
            let statements: [SQL] = [
                "CREATE TABLE api.notes (id int PRIMARY KEY)", "INSERT INTO api.notes VALUES (1)",
                "SELECT sallyport.enable_tenancy('api.notes')",
            ]
            let error = try await run(statements, in: database)
            #expect(error?.sqlState == .notNullViolation)
            #expect(error?.message == "api.notes has rows, and no tenant is set to give them to")
            #expect(error?.hint?.contains("set_config") == true)
            #expect(try await run(statements, settings: .tenant(TestDatabase.acme), in: database) == nil)
        }
    }

    @Test("refuses what would cross tenants, and says what to run") func refusals() async throws {
        let cases: [(setup: [String], hint: String?)] = [
            (["CREATE TABLE api.x (id int PRIMARY KEY, tenant_id text)"], "TYPE uuid"),
            (["CREATE TABLE api.x (id int PRIMARY KEY, code text UNIQUE)"], "UNIQUE (tenant_id, code)"),
            (
                ["CREATE TABLE api.x (id int PRIMARY KEY, code text)", "CREATE UNIQUE INDEX ON api.x (lower(code))"],
                "make it anew on (tenant_id"
            ),
            (["CREATE TABLE api.x (id int PRIMARY KEY)", "CREATE TABLE api.y (x int REFERENCES api.x)"], "PRIMARY KEY (tenant_id, id)"),
            (
                [
                    "CREATE TABLE api.x (tenant_id uuid, id int PRIMARY KEY, c uuid, t uuid, FOREIGN KEY (t, c) REFERENCES api.customers)"
                ], "FOREIGN KEY (tenant_id,"
            ),
            (
                ["CREATE TABLE api.y (id int PRIMARY KEY)", "CREATE TABLE api.x (id int PRIMARY KEY, y int REFERENCES api.y)"],
                "SELECT sallyport.share('api.y'); -- or sallyport.enable_tenancy('api.y')"
            ),
            (["CREATE TABLE api.x (id int PRIMARY KEY)", "SELECT sallyport.share('api.x')"], "DROP POLICY sallyport_shared"),
            (["CREATE VIEW api.x AS SELECT 1 AS id"], nil),
        ]
        try await TestDatabase.with { database async throws in
            for (setup, hint) in cases {
                let error = try await run(
                    setup.map { "\(unescaped: $0)" } + ["SELECT sallyport.enable_tenancy('api.x')"], in: database)
                #expect(error != nil)
                if let hint { #expect(error?.hint?.contains(hint) == true, "\(error?.debugDescription ?? "")") }
            }
        }
    }

    @Test("lets a key lead to what is shared, and to the tenant itself") func foreignKeys() async throws {
        try await TestDatabase.with { database async throws in
            #expect(
                try await run(
                    [
                        "CREATE TABLE api.y (id int PRIMARY KEY)", "SELECT sallyport.share('api.y')",
                        "CREATE TABLE api.z (owner uuid, id int, PRIMARY KEY (owner, id))",
                        """
                        CREATE TABLE api.x (
                            tenant_id uuid NOT NULL, id int, y int REFERENCES api.y, z int,
                            PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, z) REFERENCES api.z
                        )
                        """,
                        "SELECT sallyport.enable_tenancy('api.x')",
                    ], in: database) == nil)
            #expect(try await problems("api.x", in: database).isEmpty)
            #expect(try await run(["DROP POLICY sallyport_shared ON api.y"], in: database) == nil)
            #expect(
                try await problems("api.x", in: database) == ["has a foreign key x_y_fkey to api.y, which is neither isolated nor shared"])
        }
    }

    @Test("is not believed where the catalog speaks against it") func verification() async throws {
        let cases = [
            ("ALTER TABLE api.customers DISABLE ROW LEVEL SECURITY", "has row-level security off"),
            ("ALTER TABLE api.customers NO FORCE ROW LEVEL SECURITY", "does not force row-level security on its owner"),
            ("ALTER POLICY sallyport_tenancy ON api.customers USING (true)", "has a tenancy policy that was altered"),
            ("ALTER POLICY sallyport_tenancy ON api.customers WITH CHECK (true)", "has a tenancy policy that was altered"),
            ("ALTER POLICY sallyport_tenancy ON api.customers TO sallyport_auth", "has a tenancy policy that was altered"),
            ("DROP POLICY sallyport_tenancy ON api.customers", "is not declared"),
            ("CREATE UNIQUE INDEX customers_email ON api.customers (email)", "has a unique index api.customers_email without tenant_id"),
        ]
        try await TestDatabase.with { database async throws in
            for (change, problem) in cases {
                // The exception carries the problems out and undoes the change.
                let error = try await run(
                    [
                        "\(unescaped: change)",
                        """
                        DO $$ BEGIN
                            RAISE EXCEPTION '%', (SELECT string_agg(problem, '; ') FROM sallyport.isolation_problems('api.customers'));
                        END $$
                        """,
                    ], in: database)
                #expect(error?.message == problem, "\(change)")
            }
            #expect(try await problems("api.customers", in: database).isEmpty)
        }
    }

    @Test("stands against permissive policies of others") func restrictive() async throws {
        try await TestDatabase.with { database async throws in
            _ = try await run(["CREATE POLICY everything ON api.customers USING (true) WITH CHECK (true)"], in: database)
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let result = try await postgres.query("SELECT count(*) FROM api.customers", settings: .tenant(TestDatabase.acme))
                #expect(try result[0].decode(Int.self) == 24)
            }
        }
    }
}

@Suite("What policies see of a request", .enabled(if: TestDatabase.isConfigured)) struct RequestSettingTests {
    @Test("is nothing unless it is set") func unset() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let row = try await postgres.query(
                    """
                    SELECT sallyport.current_tenant() IS NULL AND sallyport.subject() IS NULL AND sallyport.uid() IS NULL
                       AND sallyport.role() IS NULL AND sallyport.scopes() = '{}' AND NOT sallyport.has_scope('a:b')
                    """)[0]
                #expect(try row.decode(Bool.self))
            }
        }
    }

    @Test("never takes a wildcard for administration") func administration() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                for (held, expected) in [
                    ("*:*", false), ("*:read", false), ("admin:read", true), ("admin:*", true), ("admin:write", false),
                    ("*:* admin:read", true),
                ] {
                    let row = try await postgres.query(
                        "SELECT sallyport.has_scope('admin:read')", settings: TransactionSettings([("sallyport.scopes", held)]))[0]
                    #expect(try row.decode(Bool.self) == expected, "\(held)")
                }
            }
        }
    }

    @Test("knows scopes and their wildcards") func scopes() async throws {
        let cases = [
            ("orders:read", true), ("orders:*", true), ("*:read", true), ("*:*", true), ("x:y orders:read", true),
            ("orders:write", false), ("order:read", false), ("*", false), ("orders:rea*", false), ("", false),
        ]
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                for (held, expected) in cases {
                    let settings = TransactionSettings([
                        ("sallyport.scopes", held), ("sallyport.subject", "a client"), ("sallyport.role", "user"),
                    ])
                    let row = try await postgres.query(
                        "SELECT sallyport.has_scope('orders:read'), sallyport.uid() IS NULL, sallyport.subject(), sallyport.role()",
                        settings: settings)[0]
                    let (has, hasNoUser, subject, role) = try row.decode(Bool.self, Bool.self, String.self, String.self)
                    #expect(has == expected, "\(held)")
                    #expect(hasNoUser)
                    #expect(subject == "a client")
                    #expect(role == "user")
                }
            }
        }
    }
}
