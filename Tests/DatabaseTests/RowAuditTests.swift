import FoundationEssentials
import Postgres
import TestSupport
import Testing

private let globex = FeatureDatabase.settings(TestDatabase.globex, subject: "gita")

@Suite("Row audit", .enabled(if: TestDatabase.isConfigured)) struct RowAuditTests {
    private func prepare(_ database: FeatureDatabase) async throws {
        for statement in [
            "CREATE TABLE api.notes (id int PRIMARY KEY, body text)", "SELECT sallyport.enable_tenancy('api.notes')",
            "SELECT sallyport.enable_audit('api.notes')", "SELECT sallyport.enable_audit('api.notes')",
        ] { #expect(try await database.declare(statement) == nil, "\(statement)") }
    }

    private static let trail = "SELECT concat_ws(' ', action, key, subject, login, before, after) FROM api.row_audit ORDER BY changed_at"

    @Test("records who changed what from what to what") func recording() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            #expect(try await database.list("SELECT is_audited FROM sallyport.features('api.notes')") == ["true"])
            let request = FeatureDatabase.settings(role: "manager", adding: ("sallyport.request_id", "r1"), ("sallyport.client_id", "web"))
            #expect(try await database.run("INSERT INTO api.notes VALUES (1, 'a'), (2, 'b')", settings: request) == nil)
            #expect(try await database.run("UPDATE api.notes SET body = 'c' WHERE id = 1") == nil)
            // Nothing changed, nothing matched, and what was taken back.
            #expect(try await database.run("UPDATE api.notes SET body = 'c' WHERE id = 1") == nil)
            #expect(try await database.run("UPDATE api.notes SET body = 'd' WHERE id = 9") == nil)
            #expect(try await database.run("UPDATE api.notes SET body = 'd'", "SELECT 1 / 0") != nil)
            #expect(
                try await database.run("DELETE FROM api.notes WHERE id = 2", settings: FeatureDatabase.settings(subject: "bert")) == nil)
            #expect(try await database.run("INSERT INTO api.notes VALUES (1, 'g')", settings: globex) == nil)
            #expect(
                try await database.list(Self.trail) == [
                    #"insert 1 anna sallyport_api {"id": 1, "body": "a"}"#, #"insert 2 anna sallyport_api {"id": 2, "body": "b"}"#,
                    #"update 1 anna sallyport_api {"id": 1, "body": "a"} {"id": 1, "body": "c"}"#,
                    #"delete 2 bert sallyport_api {"id": 2, "body": "b"}"#,
                ])
            #expect(try await database.list(Self.trail, settings: globex) == [#"insert 1 gita sallyport_api {"id": 1, "body": "g"}"#])
            #expect(
                try await database.list(
                    "SELECT DISTINCT concat_ws(' ', client, role, request_id) FROM api.row_audit WHERE action = 'insert'")
                    == ["web manager r1"])
        }
    }

    @Test("pairs before and after of many rows, also where keys change, and tells inserted from updated") func bulk() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            #expect(try await database.run("INSERT INTO api.notes SELECT i, 'n' || i FROM generate_series(1, 5000) AS i") == nil)
            #expect(try await database.run("UPDATE api.notes SET id = id + 100000, body = body || 'x' WHERE id % 2 = 0") == nil)
            #expect(
                try await database.list(
                    """
                    SELECT concat_ws(' ', count(*), count(DISTINCT key), count(*) FILTER (
                        WHERE (after ->> 'id')::int = (before ->> 'id')::int + 100000 AND after ->> 'body' = (before ->> 'body') || 'x'
                          AND key = before ->> 'id'))
                      FROM api.row_audit WHERE action = 'update'
                    """) == ["2500 2500 2500"])
            #expect(
                try await database.run(
                    "INSERT INTO api.notes VALUES (1, 'again'), (9999, 'new') ON CONFLICT (tenant_id, id) DO UPDATE SET body = EXCLUDED.body"
                )
                    == nil)
            #expect(
                try await database.list(
                    "SELECT action || ' ' || key FROM api.row_audit WHERE after ->> 'body' IN ('again', 'new') ORDER BY 1")
                    == ["insert 9999", "update 1"])
        }
    }

    @Test("is read with the table's audit scope alone, and changed by nobody who comes through the API") func rights() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            try await database.declare("SELECT sallyport.enable_audit('api.orders')")
            #expect(try await database.run("INSERT INTO api.notes VALUES (1, 'a')") == nil)
            #expect(try await database.run("UPDATE api.orders SET notes = 'x'") == nil)
            for (scopes, tables) in [
                ("notes:audit", ["notes"]), ("orders:audit", ["orders"]), ("*:audit", ["notes", "orders"]), ("notes:*", ["notes"]),
                ("notes:read row_audit:read orders:write", []), ("", []),
            ] {
                let settings = FeatureDatabase.settings(scopes: scopes)
                #expect(
                    try await database.list(#"SELECT DISTINCT "table" FROM api.row_audit ORDER BY 1"#, settings: settings) == tables,
                    "\(scopes)")
            }
            for statement in [
                "UPDATE sallyport.row_audit SET subject = 'x'", "DELETE FROM sallyport.row_audit", "TRUNCATE sallyport.row_audit",
                "UPDATE api.row_audit SET subject = 'x'", "DELETE FROM api.row_audit",
                "INSERT INTO sallyport.row_audit SELECT * FROM sallyport.row_audit", "SELECT sallyport.keep_audit(1)",
                "ALTER TABLE api.notes DISABLE TRIGGER ALL", "DELETE FROM sallyport.audit_retention",
                "SET session_replication_role = replica",
            ] {
                #expect(try await database.run(statement)?.sqlState == .insufficientPrivilege, "\(statement)")
            }
            #expect(try await database.list("SELECT problem FROM sallyport.isolation_problems('sallyport.row_audit')") == [])
        }
    }

    @Test("follows cascades and partition moves, and keys of several columns and of odd names") func oddTables() async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in [
                "SELECT sallyport.enable_audit('api.order_items')",
                #"""
                CREATE TABLE api."x'y ""z""" (
                    tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), a int, "b c" text, at int, PRIMARY KEY (tenant_id, a, "b c", at)
                ) PARTITION BY LIST (at)
                """#,
                #"CREATE TABLE api.p1 PARTITION OF api."x'y ""z""" FOR VALUES IN (1)"#,
                #"CREATE TABLE api.p2 PARTITION OF api."x'y ""z""" FOR VALUES IN (2)"#,
                #"SELECT sallyport.enable_tenancy('api."x''y ""z"""')"#, #"SELECT sallyport.enable_audit('api."x''y ""z"""')"#,
            ] { #expect(try await database.declare(statement) == nil, "\(statement)") }
            let trail =
                #"SELECT concat_ws(' ', "table", action, key, before ->> 'at', after ->> 'at') FROM api.row_audit ORDER BY changed_at"#
            #expect(try await database.run(#"INSERT INTO api."x'y ""z""" VALUES (DEFAULT, 1, 'é"', 1)"#) == nil)
            #expect(try await database.run(#"UPDATE api."x'y ""z""" SET at = 2"#) == nil)
            #expect(
                try await database.list(trail) == [
                    #"x'y "z" insert [1, "é\"", 1] 1"#,
                    #"x'y "z" update [1, "é\"", 1] 1 2"#,
                ])
            #expect(try await database.run("DELETE FROM api.orders") == nil)
            #expect(
                try await database.list(#"SELECT count(*) > 30 FROM api.row_audit WHERE "table" = 'order_items' AND action = 'delete'"#)
                    == ["true"])
            #expect(try await database.list("SELECT count(*) FROM api.row_audit", settings: globex) == ["0"])
        }
    }

    @Test("needs no tenant where row-level security is passed, and gives each tenant its own") func superuser() async throws {
        try await FeatureDatabase.with { database async throws in
            try await prepare(database)
            for settings in [FeatureDatabase.settings(), globex] {
                #expect(try await database.run("INSERT INTO api.notes VALUES (1, 'a')", settings: settings) == nil)
            }
            // What a superuser can do, done by the owner with the wall down.
            #expect(
                try await database.declare(
                    "ALTER TABLE api.notes NO FORCE ROW LEVEL SECURITY", "SELECT set_config('sallyport.tenant_id', '', true)",
                    "UPDATE api.notes SET body = 'z'", "ALTER TABLE api.notes FORCE ROW LEVEL SECURITY") == nil)
            let updates = "SELECT concat_ws(' ', login, after ->> 'body') FROM api.row_audit WHERE action = 'update'"
            #expect(try await database.list(updates) == ["sallyport_owner z"])
            #expect(try await database.list(updates, settings: globex) == ["sallyport_owner z"])
        }
    }

    @Test("has room for months to come, and drops only what is older than is to be kept") func partitions() async throws {
        try await FeatureDatabase.with { database async throws in
            let months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sallyport.row_audit'::regclass"
            #expect(try await database.list(months) == ["4"])
            #expect(try await database.list("SELECT sallyport.maintain_partitions()") == ["0"])
            #expect(try await database.list("SELECT sallyport.maintain_partitions(now() + interval '10 years') > 0") == ["true"])
            #expect(try await database.list(months) == ["8"])
            try await database.declare("SELECT sallyport.keep_audit(2)")
            #expect(try await database.list("SELECT sallyport.maintain_partitions(now() + interval '10 years')") == ["0"])
            #expect(try await database.list("SELECT sallyport.maintain_partitions(now() - interval '3 months') > 0") == ["true"])
            // The call made three months and five days of the past: all those days and the oldest month go with the next.
            #expect(try await database.list("SELECT sallyport.maintain_partitions()") == ["6"])
            #expect(try await database.list(months) == ["10"])
            try await database.declare("SELECT sallyport.keep_audit(NULL)")
            #expect(try await database.list("SELECT sallyport.maintain_partitions()") == ["0"])
        }
    }
}
