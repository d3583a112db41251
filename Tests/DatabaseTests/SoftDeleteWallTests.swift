import FoundationEssentials
import Postgres
import TestSupport
import Testing

private let acme = FeatureDatabase.settings()
private let globex = FeatureDatabase.settings(TestDatabase.globex)
private let purging = FeatureDatabase.settings(adding: ("sallyport.purge", "on"))

/// A shop and its shelves in two tenants; the shelves have soft delete, and a view shows all of them under other names.
@Suite("No way into a table leads past its soft delete", .enabled(if: TestDatabase.isConfigured)) struct SoftDeleteWallTests {
    private static let schema = [
        "CREATE TABLE api.shops (id int PRIMARY KEY, name text)", "SELECT sallyport.enable_tenancy('api.shops')",
        """
        CREATE TABLE api.shelves (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, shop int, label text,
            PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, shop) REFERENCES api.shops (tenant_id, id) ON DELETE CASCADE)
        """,
        "SELECT sallyport.enable_tenancy('api.shelves')", "SELECT sallyport.enable_soft_delete('api.shelves')",
        """
        CREATE VIEW api.all_shelves WITH (security_invoker = true) AS
            SELECT tenant_id, id, shop, label, deleted_at AS gone_at, deleted_by AS gone_by FROM api.shelves
        """,
        "SELECT sallyport.enable_tenancy('api.all_shelves')",
    ]
    private static let state = "SELECT concat_ws(' ', id, label, deleted_at IS NOT NULL, deleted_by) FROM api.shelves ORDER BY id"

    private func with(_ body: (FeatureDatabase) async throws -> Void) async throws {
        try await FeatureDatabase.with { database async throws in
            for statement in Self.schema { #expect(try await database.declare(statement) == nil, "\(statement)") }
            for settings in [acme, globex] {
                #expect(
                    try await database.run(
                        "INSERT INTO api.shops VALUES (1, 'one'), (2, 'two'), (3, 'empty')",
                        "INSERT INTO api.shelves (id, shop, label) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c')",
                        "UPDATE api.shelves SET deleted_at = now() WHERE id = 2", settings: settings) == nil)
            }
            #expect(try await database.list(Self.state) == ["1 a f", "2 b t anna", "3 c f"])
            try await body(database)
            #expect(try await database.list(Self.state, settings: globex) == ["1 a f", "2 b t anna", "3 c f"])
        }
    }

    @Test(
        "No row begins as deleted",
        arguments: [
            "INSERT INTO api.all_shelves (id, gone_at) VALUES (9, '2000-01-01')",
            "INSERT INTO api.all_shelves (id, gone_by) VALUES (9, 'mallory')",
            "INSERT INTO api.shelves (id, deleted_at, deleted_by) VALUES (9, now(), 'mallory')",
            "INSERT INTO api.all_shelves (id, gone_at) VALUES (1, '2000-01-01') ON CONFLICT (tenant_id, id) DO UPDATE SET gone_at = EXCLUDED.gone_at",
        ])
    func insertions(_ statement: String) async throws {
        try await with { database async throws in
            #expect(try await database.run(statement)?.sqlState == .insufficientPrivilege)
            #expect(try await database.list(Self.state) == ["1 a f", "2 b t anna", "3 c f"])
            // The owner may bring old rows along.
            #expect(try await database.declare("INSERT INTO api.shelves (id, deleted_at, deleted_by) VALUES (9, now(), 'old')") == nil)
            #expect(try await database.run("INSERT INTO api.all_shelves (id, label) VALUES (8, 'new')") == nil)
            #expect(try await database.list(Self.state) == ["1 a f", "2 b t anna", "3 c f", "8 new f", "9 t old"])
        }
    }

    @Test("An update passes marked rows over, through a view too") func updates() async throws {
        try await with { database async throws in
            for name in ["all_shelves", "shelves"] {
                let statement =
                    "WITH changed AS (UPDATE api.\(name) SET label = label || '!' RETURNING id) SELECT id FROM changed ORDER BY id"
                let changed = try await database.api.query("\(unescaped: statement)", settings: acme).map {
                    try $0.decode(Int32.self, column: 0)
                }
                #expect(changed == [1, 3])
            }
            #expect(try await database.list(Self.state) == ["1 a!! f", "2 b t anna", "3 c!! f"])
            // Marks are the one thing that changes; with the right to.
            let writer = FeatureDatabase.settings(scopes: "shelves:write all_shelves:*")
            let undo = "UPDATE api.all_shelves SET gone_at = NULL WHERE id = 2"
            #expect(try await database.run(undo, settings: writer)?.sqlState == .insufficientPrivilege)
            #expect(try await database.run(undo) == nil)
            #expect(try await database.list(Self.state) == ["1 a!! f", "2 b f", "3 c!! f"])
        }
    }

    @Test("An upsert that meets a marked row is refused, not lost", arguments: ["all_shelves", "shelves"]) func upserts(_ name: String)
        async throws
    {
        try await with { database async throws in
            func upsert(_ id: Int) -> String {
                "INSERT INTO api.\(name) (id, label) VALUES (\(id), 'x') ON CONFLICT (tenant_id, id) DO UPDATE SET label = EXCLUDED.label"
            }
            #expect(try await database.run(upsert(2))?.sqlState.rawValue == "PT409")
            #expect(try await database.run(upsert(1), upsert(2))?.sqlState.rawValue == "PT409")
            #expect(try await database.run(upsert(1), "UPDATE api.\(name) SET label = label || '!'", upsert(7)) == nil)
            #expect(try await database.list(Self.state) == ["1 x! f", "2 b t anna", "3 c! f", "7 x f"])
        }
    }

    @Test("Rows of another table that go take none along, neither living nor marked") func cascades() async throws {
        try await with { database async throws in
            for (shop, word) in [(1, "Delete"), (2, "Delete")] {
                let error = try await database.run("DELETE FROM api.shops WHERE id = \(shop)")
                #expect(error?.sqlState == .foreignKeyViolation && error?.table == "shelves" && error?.hint?.hasPrefix(word) == true)
            }
            #expect(try await database.run("UPDATE api.shelves SET deleted_at = now() WHERE id = 3") == nil)
            let error = try await database.run("DELETE FROM api.shops WHERE id = 2")
            #expect(error?.sqlState == .foreignKeyViolation && error?.hint == "Purge them first.")
            #expect(try await database.list("SELECT id FROM api.shops ORDER BY id") == ["1", "2", "3"])
            #expect(try await database.list("SELECT id FROM api.shelves ORDER BY id") == ["1", "2", "3"])

            // What nothing refers to goes, and so does what was purged before; a purge takes marked rows along, and no living ones.
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 3") == nil)
            #expect(try await database.run("DELETE FROM api.shelves WHERE id = 3", settings: purging) == nil)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 2") == nil)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 1", settings: purging)?.sqlState == .foreignKeyViolation)
            #expect(try await database.run("UPDATE api.shelves SET deleted_at = now() WHERE id = 1") == nil)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 1", settings: purging) == nil)
            #expect(try await database.list("SELECT id FROM api.shelves") == [])
            // Who keeps the database is not held.
            #expect(try await database.declare("DELETE FROM api.shops") == nil)
        }
    }

    @Test("A living row under a purged one holds it") func orphans() async throws {
        try await with { database async throws in
            #expect(try await database.declare("SELECT sallyport.enable_soft_delete('api.shops')") == nil)
            #expect(try await database.run("UPDATE api.shops SET deleted_at = now() WHERE id = 1") == nil)
            #expect(try await database.list(Self.state) == ["1 a t anna", "2 b t anna", "3 c f"])
            #expect(try await database.run("INSERT INTO api.shelves (id, shop, label) VALUES (4, 1, 'late')") == nil)
            let purge = "DELETE FROM api.shops WHERE id = 1 AND deleted_at IS NOT NULL"
            #expect(try await database.run(purge, settings: purging)?.sqlState == .foreignKeyViolation)
            #expect(try await database.run("UPDATE api.shelves SET deleted_at = now() WHERE id = 4") == nil)
            #expect(try await database.run(purge, settings: purging) == nil)
            #expect(try await database.list("SELECT id FROM api.shelves") == ["3"])
        }
    }

    @Test("A view's own triggers do not lead past it") func insteadOf() async throws {
        try await with { database async throws in
            for statement in [
                """
                CREATE FUNCTION api.forge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
                BEGIN
                    UPDATE api.shelves SET label = NEW.label, deleted_at = '2000-01-01', deleted_by = 'mallory' WHERE id = NEW.id;
                    RETURN NEW;
                END $$
                """,
                "CREATE TRIGGER forge INSTEAD OF UPDATE ON api.all_shelves FOR EACH ROW EXECUTE FUNCTION api.forge()",
            ] { #expect(try await database.declare(statement) == nil) }
            let update = "UPDATE api.all_shelves SET label = 'x' WHERE id < 3"
            let writer = FeatureDatabase.settings(scopes: "*:write")
            #expect(try await database.run(update, settings: writer)?.sqlState == .insufficientPrivilege)
            #expect(try await database.run(update) == nil)
            #expect(try await database.list(Self.state) == ["1 x t anna", "2 b t anna", "3 c f"])
            #expect(
                try await database.list("SELECT bool_and(deleted_at > now() - interval '1 hour') FROM api.shelves WHERE id < 3") == ["true"]
            )
        }
    }

    @Test("A table that was declared before is brought up to it by declaring it again") func upgrade() async throws {
        try await with { database async throws in
            for name in ["begin", "keep", "inserting", "inserted"] {
                #expect(try await database.declare("DROP TRIGGER sallyport_soft_delete_\(name) ON api.shelves") == nil)
            }
            #expect(try await database.declare("SELECT sallyport.enable_soft_delete('api.shelves')") == nil)
            #expect(try await database.run("DELETE FROM api.shops WHERE id = 2")?.sqlState == .foreignKeyViolation)
            #expect(
                try await database.run("INSERT INTO api.all_shelves (id, gone_at) VALUES (9, now())")?.sqlState == .insufficientPrivilege)
        }
    }
}
