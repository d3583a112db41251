import FoundationEssentials
import Postgres
import TestSupport
import Testing

private let globex = FeatureDatabase.settings(TestDatabase.globex)
private let purgingSettings = FeatureDatabase.settings(adding: ("sallyport.purge", "on"))

@Suite("Soft delete", .enabled(if: TestDatabase.isConfigured)) struct SoftDeleteTests {
    private static let shop = [
        "CREATE TABLE api.shops (id int PRIMARY KEY, name text)", "SELECT sallyport.enable_tenancy('api.shops')",
        """
        CREATE TABLE api.shelves (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, shop int,
            PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, shop) REFERENCES api.shops (tenant_id, id) ON DELETE CASCADE)
        """,
        "SELECT sallyport.enable_tenancy('api.shelves')",
        "SELECT sallyport.enable_soft_delete('api.shops')",
    ]

    private func prepare(_ database: FeatureDatabase, _ more: [String] = []) async throws {
        for statement in Self.shop + more { #expect(try await database.declare(statement) == nil, "\(statement)") }
        for settings in [FeatureDatabase.settings(), globex] {
            #expect(
                try await database.run(
                    "INSERT INTO api.shops VALUES (1, 'one'), (2, 'two')",
                    "INSERT INTO api.shelves (id, shop) VALUES (1, 1), (2, 1), (3, 2)",
                    settings: settings) == nil)
        }
    }

    @Test("is declared once, and found again") func declaring() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database, ["SELECT sallyport.enable_soft_delete('api.shops')"])
            #expect(try await database.list("SELECT soft_delete_column FROM sallyport.features('api.shops')") == ["deleted_at"])
            #expect(try await database.list("SELECT soft_delete_column FROM sallyport.features('api.shelves')") == [""])
            #expect(
                try await database.list(
                    "SELECT count(*) FROM pg_index WHERE indrelid = 'api.shops'::regclass AND pg_get_expr(indpred, indrelid) ~ 'deleted_at'"
                )
                    == ["2"])
            #expect(try await database.list("SELECT problem FROM sallyport.isolation_problems('api.shops')") == [])
            try await database.declare("ALTER TABLE api.shops DISABLE TRIGGER sallyport_soft_delete")
            #expect(try await database.list("SELECT soft_delete_column FROM sallyport.features('api.shops')") == [""])
        }
    }

    @Test("refuses what it cannot mark, and says what to run") func refusals() async throws {
        let cases: [(setup: [String], hint: String?)] = [
            (["CREATE TABLE api.x (id int PRIMARY KEY)"], "SELECT sallyport.enable_tenancy('api.x')"),
            (["CREATE VIEW api.x AS SELECT 1 AS id"], nil),
            (["CREATE TABLE api.x (id int PRIMARY KEY, deleted_at date)", "SELECT sallyport.enable_tenancy('api.x')"], "TYPE timestamp"),
            (
                ["CREATE TABLE api.x (id int PRIMARY KEY, deleted_by text NOT NULL)", "SELECT sallyport.enable_tenancy('api.x')"],
                "deleted_by DROP NOT NULL"
            ),
            (
                ["CREATE TABLE api.x (id int PRIMARY KEY, deleted bool)", "SELECT sallyport.enable_tenancy('api.x')"],
                "RENAME COLUMN deleted"
            ),
            (
                [
                    "CREATE TABLE api.x (id int, deleted_at timestamptz) PARTITION BY RANGE (deleted_at)",
                    "SELECT sallyport.enable_tenancy('api.x')",
                ], "Partition it by"
            ),
        ]
        try await FeatureDatabase.with { database async throws in
            for (setup, hint) in cases {
                for statement in setup { #expect(try await database.declare(statement) == nil, "\(statement)") }
                let error = try await database.declare("SELECT sallyport.enable_soft_delete('api.x')")
                #expect(error != nil, "\(setup)")
                if let hint { #expect(error?.hint?.contains(hint) == true, "\(error?.debugDescription ?? "")") }
                try await database.declare(setup[0].hasPrefix("CREATE VIEW") ? "DROP VIEW api.x" : "DROP TABLE api.x")
            }
        }
    }

    @Test("is not the caller's to date, sign or undo in passing") func forgery() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            let state = "SELECT concat_ws(' ', deleted_at > now() - interval '1 minute', deleted_by) FROM api.shops ORDER BY id"
            #expect(try await database.run("UPDATE api.shops SET deleted_at = '2000-01-01', deleted_by = 'mallory' WHERE id = 1") == nil)
            #expect(try await database.list(state) == ["t anna", ""])
            #expect(
                try await database.run(
                    "UPDATE api.shops SET deleted_at = '2000-01-01', deleted_by = 'mallory' WHERE id = 1",
                    settings: FeatureDatabase.settings(subject: "bert")) == nil)
            #expect(try await database.list(state) == ["t anna", ""])
            #expect(try await database.run("UPDATE api.shops SET deleted_by = 'mallory'") == nil)
            #expect(try await database.list(state) == ["t anna", ""])

            let writer = FeatureDatabase.settings(scopes: "shops:write shops:purge orders:delete shop:delete")
            for change in ["now()", "NULL"] {
                let error = try await database.run("UPDATE api.shops SET deleted_at = \(change)", settings: writer)
                #expect(error?.sqlState == .insufficientPrivilege, "\(change)")
            }
            #expect(try await database.run("UPDATE api.shops SET name = 'x'", settings: writer) == nil)
            #expect(
                try await database.run(
                    "UPDATE api.shops SET deleted_at = NULL", settings: FeatureDatabase.settings(scopes: "shops:delete")) == nil)
            #expect(try await database.list(state) == ["", ""])
            // The other tenant's rows were never touched.
            #expect(
                try await database.list("SELECT name FROM api.shops WHERE deleted_at IS NULL ORDER BY id", settings: globex) == [
                    "one", "two",
                ])
        }
    }

    @Test("keeps the API from removing rows but to purge them") func purging() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 1")?.sqlState == .insufficientPrivilege)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 99")?.sqlState == .insufficientPrivilege)
            #expect(try await database.list("SELECT count(*) FROM api.shops") == ["2"])
            let other = FeatureDatabase.settings(adding: ("sallyport.purge", "off"))
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 1", settings: other)?.sqlState == .insufficientPrivilege)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 1", settings: purgingSettings) == nil)
            #expect(try await database.list("SELECT id FROM api.shops") == ["2"])
            #expect(try await database.list("SELECT id FROM api.shelves") == ["3"])
            #expect(try await database.list("SELECT count(*) FROM api.shelves", settings: globex) == ["3"])
            // The owner of the table is not held.
            #expect(try await database.declare("DELETE FROM api.shops") == nil)
        }
    }

    @Test("goes along ON DELETE CASCADE to tables that have it too, and comes back along it") func cascade() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            let living = "SELECT id FROM api.shelves WHERE deleted_at IS NULL ORDER BY id"
            #expect(try await database.run("UPDATE api.shops SET deleted_at = now() WHERE id = 1") == nil)
            #expect(try await database.run("UPDATE api.shops SET deleted_at = NULL WHERE id = 1") == nil)
            #expect(try await database.declare("SELECT sallyport.enable_soft_delete('api.shelves')") == nil)
            #expect(try await database.list(living) == ["1", "2", "3"])

            #expect(try await database.run("UPDATE api.shelves SET deleted_at = now() WHERE id = 2") == nil)
            // The scope of the row that was deleted is enough, as with foreign keys.
            let settings = FeatureDatabase.settings(subject: "bert", scopes: "shops:delete")
            #expect(try await database.run("UPDATE api.shops SET deleted_at = now() WHERE id = 1", settings: settings) == nil)
            #expect(try await database.list(living) == ["3"])
            #expect(try await database.list("SELECT deleted_by FROM api.shelves WHERE id < 3 ORDER BY id") == ["bert", "anna"])
            #expect(try await database.list(living, settings: globex) == ["1", "2", "3"])

            #expect(try await database.run("UPDATE api.shops SET deleted_at = NULL WHERE id = 1", settings: settings) == nil)
            #expect(try await database.list(living) == ["1", "3"])
        }
    }

    @Test("is refused while a living row refers to the row") func restriction() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in ["SELECT sallyport.enable_soft_delete('api.orders')", "SELECT sallyport.enable_soft_delete('api.customers')"] {
                #expect(try await database.declare(statement) == nil)
            }
            let customer = try await database.list("SELECT customer_id FROM api.orders ORDER BY id LIMIT 1")[0]
            let deletion = "UPDATE api.customers SET deleted_at = now() WHERE id = '\(customer)'"
            let error = try await database.run(deletion)
            #expect(error?.sqlState == .foreignKeyViolation)
            #expect(error?.constraint == "orders_tenant_id_customer_id_fkey")
            #expect(error?.table == "orders")
            #expect(try await database.run("UPDATE api.orders SET deleted_at = now() WHERE customer_id = '\(customer)'") == nil)
            #expect(try await database.run(deletion) == nil)
        }
    }

    @Test("works on a tree in one statement") func selfReference() async throws {
        try await FeatureDatabase.with { database async throws in
            for (action, expected) in [("NO ACTION", "23503"), ("CASCADE", nil)] {
                for statement in [
                    """
                    CREATE TABLE api.nodes (
                        tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, parent int, PRIMARY KEY (tenant_id, id),
                        FOREIGN KEY (tenant_id, parent) REFERENCES api.nodes (tenant_id, id) ON DELETE \(action))
                    """,
                    "SELECT sallyport.enable_tenancy('api.nodes')", "SELECT sallyport.enable_soft_delete('api.nodes')",
                    "INSERT INTO api.nodes VALUES (DEFAULT, 1, NULL), (DEFAULT, 2, 1), (DEFAULT, 3, 2)",
                ] { #expect(try await database.declare(statement) == nil) }
                #expect(try await database.run("UPDATE api.nodes SET deleted_at = now() WHERE id = 1")?.sqlState.rawValue == expected)
                #expect(try await database.run("UPDATE api.nodes SET deleted_at = now() WHERE deleted_at IS NULL") == nil)
                #expect(try await database.list("SELECT count(*) FROM api.nodes WHERE deleted_at IS NULL") == ["0"])
                try await database.declare("DROP TABLE api.nodes")
            }
        }
    }

    @Test("holds on partitioned tables and under names that need quoting") func oddTables() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                #"CREATE SCHEMA "it's"; GRANT USAGE ON SCHEMA "it's" TO sallyport_api"#,
                #"""
                CREATE TABLE "it's"."a ""b"" %I" (
                    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), "the 'id'" int, at int, PRIMARY KEY (tenant_id, "the 'id'", at)
                ) PARTITION BY RANGE (at)
                """#,
                #"CREATE TABLE "it's".low PARTITION OF "it's"."a ""b"" %I" FOR VALUES FROM (0) TO (10)"#,
                #"CREATE TABLE "it's".high PARTITION OF "it's"."a ""b"" %I" FOR VALUES FROM (10) TO (20)"#,
                #"SELECT sallyport.enable_tenancy('"it''s"."a ""b"" %I"')"#,
                #"""
                CREATE TABLE "it's".child (
                    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, "p'" int, at int, PRIMARY KEY (tenant_id, id),
                    FOREIGN KEY (tenant_id, "p'", at) REFERENCES "it's"."a ""b"" %I" ON DELETE CASCADE)
                """#,
                #"SELECT sallyport.enable_tenancy('"it''s".child')"#, #"SELECT sallyport.enable_soft_delete('"it''s".child')"#,
                #"SELECT sallyport.enable_soft_delete('"it''s"."a ""b"" %I"')"#,
                #"INSERT INTO "it's"."a ""b"" %I" VALUES (DEFAULT, 1, 1), (DEFAULT, 2, 11)"#,
                #"INSERT INTO "it's".child VALUES (DEFAULT, 1, 1, 1), (DEFAULT, 2, 2, 11)"#,
            ] {
                for part in statement.split(separator: "; ") { #expect(try await database.declare(String(part)) == nil, "\(part)") }
            }
            #expect(
                try await database.declare(#"SELECT sallyport.enable_soft_delete('"it''s".low')"#)?.hint
                    == #"Declare it of "it's"."a ""b"" %I""#)
            let scoped = FeatureDatabase.settings(scopes: #"a:delete"#)
            let mark = #"UPDATE "it's"."a ""b"" %I" SET deleted_at = now() WHERE "the 'id'" = 2"#
            #expect(try await database.run(mark, settings: scoped)?.sqlState == .insufficientPrivilege)
            #expect(try await database.run(mark) == nil)
            #expect(try await database.list(#"SELECT id FROM "it's".child WHERE deleted_at IS NULL"#) == ["1"])
            #expect(try await database.run(#"DELETE FROM "it's"."a ""b"" %I""#)?.sqlState == .insufficientPrivilege)
            #expect(try await database.run(#"UPDATE "it's"."a ""b"" %I" SET deleted_at = NULL"#) == nil)
            #expect(try await database.list(#"SELECT id FROM "it's".child WHERE deleted_at IS NULL ORDER BY id"#) == ["1", "2"])
        }
    }
}
