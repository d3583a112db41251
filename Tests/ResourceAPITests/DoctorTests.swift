import JSON
import ServiceKit
import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

@Suite("resource-api doctor", .enabled(if: TestDatabase.isConfigured)) struct DoctorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let check: String
        let severity: Hazard.Severity
        let object: String
        /// What makes the hazard, as the owner, or as a superuser.
        let setup: String
        var asSuperuser = false
        /// Whether the cure takes a superuser.
        var isCuredBySuperuser = false

        var testDescription: String { setup }
    }

    private static let noted =
        "CREATE TABLE api.notes (id int PRIMARY KEY, person text, words tsvector); SELECT sallyport.enable_tenancy('api.notes'); "

    /// A domain in use, with a cast to json; not granted, as functions are from the start.
    private static let colored = """
        CREATE SCHEMA looks; GRANT USAGE ON SCHEMA looks TO sallyport_api; CREATE DOMAIN looks.color AS int;
        CREATE FUNCTION looks.shown(looks.color) RETURNS json LANGUAGE sql SET search_path = pg_catalog AS 'SELECT to_json($1::int)';
        CREATE CAST (looks.color AS json) WITH FUNCTION looks.shown(looks.color) AS IMPLICIT;

        """
    private static let paints = "CREATE TABLE api.paints (color looks.color PRIMARY KEY); SELECT sallyport.enable_tenancy('api.paints'); "
    private static let granted = "GRANT EXECUTE ON FUNCTION looks.shown(looks.color) TO sallyport_api; "

    static let cases: [Case] = [
        Case(check: "representation", severity: .warning, object: "looks.shown(looks.color)", setup: colored + paints),
        Case(
            check: "representation", severity: .warning, object: "looks.shown(looks.color)",
            setup: colored + paints + granted + "ALTER FUNCTION looks.shown(looks.color) SECURITY DEFINER"),
        Case(
            check: "representation", severity: .warning, object: "looks.shown(looks.color)",
            setup: colored + paints + granted + "REVOKE USAGE ON SCHEMA looks FROM sallyport_api"),
        Case(
            check: "representation", severity: .warning, object: "looks.shown(looks.color)",
            setup: colored + paints + granted + "ALTER FUNCTION looks.shown(looks.color) OWNER TO sallyport_api", asSuperuser: true,
            isCuredBySuperuser: true),
        Case(
            check: "isolation", severity: .error, object: "api.naked",
            setup: "CREATE TABLE api.naked (id int PRIMARY KEY); GRANT SELECT ON api.naked TO sallyport_api"),
        Case(check: "isolation", severity: .warning, object: "api.naked", setup: "CREATE TABLE api.naked (id int PRIMARY KEY)"),
        Case(check: "isolation", severity: .error, object: "api.orders", setup: "ALTER TABLE api.orders NO FORCE ROW LEVEL SECURITY"),
        Case(check: "isolation", severity: .error, object: "api.orders", setup: "ALTER TABLE api.orders DISABLE ROW LEVEL SECURITY"),
        Case(
            check: "isolation", severity: .error, object: "api.orders",
            setup: "ALTER POLICY sallyport_tenancy ON api.orders USING (true) WITH CHECK (true)"),
        Case(
            check: "isolation", severity: .error, object: "api.bare",
            setup: """
                CREATE TABLE api.bare (id int); SELECT sallyport.enable_tenancy('api.bare');
                ALTER TABLE api.bare ALTER COLUMN tenant_id DROP NOT NULL
                """),
        Case(
            check: "isolation", severity: .error, object: "api.bare",
            setup: "CREATE TABLE api.bare (id int); SELECT sallyport.enable_tenancy('api.bare'); DROP INDEX api.bare_tenant_id_idx"),
        Case(
            check: "isolation", severity: .error, object: "api.seen",
            setup: "CREATE VIEW api.seen AS SELECT * FROM api.orders; GRANT SELECT ON api.seen TO sallyport_api"),
        Case(
            check: "granted-elsewhere", severity: .error, object: "other.secrets",
            setup: "CREATE SCHEMA other; CREATE TABLE other.secrets (id int); GRANT SELECT (id) ON other.secrets TO sallyport_api"),
        Case(
            check: "granted-elsewhere", severity: .error, object: "api.events_1",
            setup: """
                CREATE TABLE api.events (tenant_id uuid NOT NULL, id int, PRIMARY KEY (tenant_id, id)) PARTITION BY RANGE (id);
                SELECT sallyport.enable_tenancy('api.events');
                CREATE TABLE api.events_1 PARTITION OF api.events FOR VALUES FROM (1) TO (9); GRANT SELECT ON api.events_1 TO sallyport_api
                """),
        Case(
            check: "shared-writable", severity: .error, object: "api.currencies", setup: "GRANT UPDATE ON api.currencies TO sallyport_api"),
        Case(check: "shared-writable", severity: .error, object: "api.orders", setup: "GRANT TRUNCATE ON api.orders TO sallyport_api"),
        Case(check: "shared-writable", severity: .error, object: "api.orders", setup: "GRANT REFERENCES ON api.orders TO sallyport_api"),
        Case(
            check: "definer-function", severity: .error, object: "api.f()",
            setup: """
                CREATE FUNCTION api.f() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1';
                GRANT EXECUTE ON FUNCTION api.f() TO PUBLIC
                """),
        Case(
            check: "definer-function", severity: .error, object: "api.f()",
            setup: """
                CREATE FUNCTION api.f() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1';
                SELECT sallyport.expose_definer('api.f()'); SELECT sallyport.expose('api.f()'); ALTER FUNCTION api.f() RESET search_path
                """),
        Case(
            check: "definer-function", severity: .warning, object: "api.f()",
            setup: """
                CREATE FUNCTION api.f() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT 1';
                SELECT sallyport.expose_definer('api.f()'); SELECT sallyport.expose('api.f()')
                """, asSuperuser: true, isCuredBySuperuser: true),
        Case(
            check: "exposed-function", severity: .error, object: "api.f()",
            setup: """
                CREATE FUNCTION api.f() RETURNS int LANGUAGE sql STABLE SET search_path = pg_catalog AS 'SELECT 1';
                SELECT sallyport.expose('api.f()'); REVOKE EXECUTE ON FUNCTION api.f() FROM sallyport_api
                """),
        Case(
            check: "volatile-function", severity: .warning, object: "api.f()",
            setup: "CREATE FUNCTION api.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT sallyport.expose('api.f()')"),
        Case(
            check: "policy-per-row", severity: .warning, object: "api.orders",
            setup: """
                CREATE POLICY open ON api.orders AS RESTRICTIVE
                 USING (status <> 'x' OR sallyport.has_scope('orders:all') OR current_setting('a.b', true) = 'y')
                """),
        Case(
            check: "broad-policy", severity: .warning, object: "api.orders",
            setup: "CREATE POLICY mine ON api.orders USING (notes = (SELECT sallyport.subject()))"),
        Case(
            check: "leaky-index", severity: .warning, object: "api.words",
            setup: noted + "CREATE INDEX words ON api.notes USING gin (words)", isCuredBySuperuser: true),
        Case(
            check: "leaky-index", severity: .warning, object: "api.likes",
            setup: noted + "CREATE INDEX likes ON api.notes (tenant_id, person text_pattern_ops)", isCuredBySuperuser: true),
        Case(
            check: "foreign-key-index", severity: .warning, object: "api.notes",
            setup: noted + """
                ALTER TABLE api.notes ADD order_id uuid, ADD FOREIGN KEY (tenant_id, order_id) REFERENCES api.orders (tenant_id, id);
                CREATE INDEX ON api.notes (tenant_id, person, order_id); CREATE INDEX ON api.notes (tenant_id, order_id) WHERE person = ''
                """),
        Case(
            check: "foreign-key-index", severity: .warning, object: "api.notes",
            setup: noted + "ALTER TABLE api.notes ADD currency text REFERENCES api.currencies (code)"),
        Case(
            check: "sequence", severity: .error, object: "api.counted",
            setup: """
                CREATE TABLE api.counted (id serial PRIMARY KEY); SELECT sallyport.enable_tenancy('api.counted');
                REVOKE ALL ON SEQUENCE api.counted_id_seq FROM sallyport_api
                """),
        Case(
            check: "soft-delete", severity: .error, object: "api.notes",
            setup: noted + "SELECT sallyport.enable_soft_delete('api.notes'); DROP TRIGGER sallyport_soft_delete_keep ON api.notes"),
        Case(
            check: "soft-delete", severity: .warning, object: "api.notes",
            setup: noted + """
                ALTER TABLE api.notes ADD note int; CREATE INDEX ON api.notes (tenant_id, note);
                CREATE TABLE api.books (id int PRIMARY KEY); SELECT sallyport.enable_tenancy('api.books');
                ALTER TABLE api.notes ADD FOREIGN KEY (tenant_id, note) REFERENCES api.books (tenant_id, id) ON DELETE CASCADE;
                SELECT sallyport.enable_soft_delete('api.notes')
                """),
        Case(check: "role", severity: .error, object: "api", setup: "GRANT CREATE ON SCHEMA api TO sallyport_api"),
        Case(
            check: "role", severity: .error, object: "api.own",
            setup: "CREATE TABLE api.own (id int); ALTER TABLE api.own OWNER TO sallyport_api", asSuperuser: true, isCuredBySuperuser: true),
    ]

    private func examine(_ database: TestDatabase, role: String = "sallyport_api") async throws -> [Hazard] {
        try await database.withPool(role: role) { try await DoctorStore(schemas: ["api"]).examine($0) }
    }

    private func run(_ script: String, in database: TestDatabase, asSuperuser: Bool = false) async throws {
        let role = asSuperuser ? "postgres" : "sallyport_owner"
        let target = try ConnectionTarget(
            connectionString: database.connectionString(role: role), applicationName: "test", connectTimeout: .seconds(5),
            sessionOptions: [("client_min_messages", "warning")])
        try await SystemThread.run(name: "test") { _ = try BlockingConnection(target).execute(script) }
    }

    @Test("finds nothing in a database that is set up as told") func healthy() async throws {
        try await TestDatabase.with { database async throws in
            let found = try await examine(database)
            #expect(found.map(\.check) == ["announcement"])
            #expect(DoctorReport(hazards: found).exitStatus == 2)
            try await run(TestDatabase.superuserScript, in: database, asSuperuser: true)
            #expect(try await examine(database).isEmpty)
            try await run("ALTER EVENT TRIGGER sallyport_catalog_drop DISABLE", in: database, asSuperuser: true)
            #expect(try await examine(database).map(\.check) == ["announcement"])
        }
    }

    @Test("sees each hazard, and its cure cures it", arguments: cases) func hazards(_ hazard: Case) async throws {
        try await TestDatabase.with { database async throws in
            try await run(TestDatabase.superuserScript, in: database, asSuperuser: true)
            try await run(hazard.setup, in: database, asSuperuser: hazard.asSuperuser)
            let found = try await examine(database)
            let mine = found.filter { $0.check == hazard.check && $0.object == hazard.object }
            #expect(!mine.isEmpty, "\(found)")
            #expect(mine.allSatisfy { $0.severity == hazard.severity }, "\(mine)")
            for one in mine {
                try await run(one.cure, in: database, asSuperuser: hazard.isCuredBySuperuser)
            }
            let left = try await examine(database)
            #expect(!left.contains { $0.check == hazard.check && $0.object == hazard.object }, "\(left)")
        }
    }

    @Test("lets near misses pass") func nearMisses() async throws {
        let harmless = [
            "CREATE POLICY once ON api.orders AS RESTRICTIVE USING (status = (SELECT sallyport.role()) OR status IN (SELECT current_setting('a.b')))",
            "CREATE FUNCTION api.inner_definer() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT 1'",
            "CREATE FUNCTION api.undeclared() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            """
            CREATE FUNCTION api.writes() RETURNS bigint LANGUAGE sql AS
                'WITH gone AS (DELETE FROM api.orders RETURNING 1) SELECT count(*) FROM gone';
            SELECT sallyport.expose('api.writes()')
            """, "CREATE SCHEMA other; CREATE TABLE other.quiet (id int)",
            "CREATE TABLE api.counted (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); SELECT sallyport.enable_tenancy('api.counted')",
            "CREATE INDEX ON api.orders (tenant_id, status text_ops)",
            Self.colored, Self.paints + Self.granted,
            "CREATE DOMAIN looks.plain AS int; CREATE CAST (text AS looks.plain) WITH INOUT AS IMPLICIT; ALTER TABLE api.paints ADD p looks.plain",
            "CREATE POLICY by_row ON api.orders AS RESTRICTIVE USING (status <> 'x' OR sallyport.has_scope('orders:' || status))",
        ]
        try await TestDatabase.with { database async throws in
            try await run(TestDatabase.superuserScript, in: database, asSuperuser: true)
            for script in harmless {
                try await run(script, in: database)
                #expect(try await examine(database).isEmpty, "\(script)")
            }
        }
    }

    @Test("says of a role whether row-level security binds it") func role() async throws {
        try await TestDatabase.with { database async throws in
            let found = try await examine(database, role: "postgres")
            #expect(found.contains { $0.check == "role" && $0.object == "postgres" && $0.severity == .error })
            #expect(DoctorReport(hazards: found).exitStatus == 3)
        }
    }

    @Test("reports for people and for programs") func report() throws {
        let hazards = [
            Hazard(severity: .error, check: "isolation", object: "api.\"x\"", problem: "is not declared", cure: "SELECT 1"),
            Hazard(severity: .warning, check: "sequence", object: "b", problem: "p", cure: "c"),
        ]
        let report = DoctorReport(hazards: hazards)
        #expect(report.text.hasPrefix("error: api.\"x\" is not declared [isolation]\n    SELECT 1\n"))
        #expect(report.text.hasSuffix("1 error, 1 warning."))
        let json = try JSONValue(parsing: report.json)
        #expect(json.objectValue?["errors"]?.intValue == 1)
        #expect(json.objectValue?["hazards"]?.arrayValue?.count == 2)
        #expect(DoctorReport(hazards: []).exitStatus == 0)
    }
}
