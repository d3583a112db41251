import HTTPTypes
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// One connection for all: what a developer's function leaves behind in the session of one tenant's request would be the next one's.
@Suite("Sessions", .enabled(if: TestDatabase.isConfigured)) struct SessionTests {
    private static let schema = [
        """
        CREATE FUNCTION api.soil() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM set_config('sallyport.purge', 'on', false), set_config('sallyport.following', 'on', false),
                    set_config('sallyport.request_id', 'forged', false), set_config('search_path', 'nowhere', false),
                    set_config('TimeZone', 'Asia/Tokyo', false), set_config('app.word', 'acme''s', false),
                    set_config('statement_timeout', '20000', false), set_config('default_transaction_read_only', 'on', false),
                    pg_advisory_lock(7);
            RETURN true;
        END $$
        """,
        "SELECT sallyport.expose('api.soil()')", "GRANT EXECUTE ON FUNCTION api.soil() TO PUBLIC",
        """
        CREATE FUNCTION api.hoard() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            EXECUTE 'DECLARE spoils CURSOR WITH HOLD FOR SELECT name FROM api.customers';
            LISTEN whispers;
            PERFORM api.soil();
            RETURN 1;
        END $$
        """,
        "SELECT sallyport.expose('api.hoard()')",
        """
        CREATE FUNCTION api.fail() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
        BEGIN PERFORM api.soil(); RAISE EXCEPTION 'no'; END $$
        """,
        "SELECT sallyport.expose('api.fail()')",
        """
        CREATE FUNCTION api.residue() RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
            SELECT concat_ws(',', nullif(current_setting('sallyport.purge', true), ''), nullif(current_setting('app.word', true), ''),
                nullif(current_setting('sallyport.following', true), ''), nullif(current_setting('TimeZone'), 'UTC'),
                nullif(current_setting('default_transaction_read_only'), 'off'), nullif(current_setting('statement_timeout'), '10s'),
                (SELECT 'locks' FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' LIMIT 1),
                (SELECT name FROM pg_cursors WHERE is_holdable LIMIT 1), (SELECT channel FROM pg_listening_channels() AS channel))
        $$
        """,
        "SELECT sallyport.expose('api.residue()')",
        "CREATE TABLE api.clean (id int PRIMARY KEY, name text)", "SELECT sallyport.enable_tenancy('api.clean')",
        "CREATE TABLE api.triggered (id int PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.triggered')",
        "CREATE FUNCTION api.on_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM api.soil(); RETURN NULL; END $$",
        "CREATE TRIGGER soil AFTER INSERT OR UPDATE OR DELETE ON api.triggered FOR EACH ROW EXECUTE FUNCTION api.on_write()",
        """
        CREATE TABLE api.parents (
            tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), id int, PRIMARY KEY (tenant_id, id))
        """,
        "SELECT sallyport.enable_tenancy('api.parents')",
        "ALTER TABLE api.triggered ADD parent int, ADD FOREIGN KEY (tenant_id, parent) REFERENCES api.parents ON DELETE CASCADE",
        "CREATE TABLE api.defaulted (id int PRIMARY KEY, fine boolean DEFAULT api.soil())",
        "SELECT sallyport.enable_tenancy('api.defaulted')",
        "CREATE TABLE api.checked (id int PRIMARY KEY CHECK (id > 0 AND api.soil()))", "SELECT sallyport.enable_tenancy('api.checked')",
        "CREATE DOMAIN api.soiled AS int CHECK (VALUE > 0 AND api.soil())",
        "CREATE TABLE api.typed (id int PRIMARY KEY, n api.soiled)", "SELECT sallyport.enable_tenancy('api.typed')",
        "CREATE TABLE api.guarded (id int PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.guarded')",
        "CREATE POLICY soil ON api.guarded AS RESTRICTIVE USING (api.soil())",
        "CREATE VIEW api.viewed WITH (security_invoker = true) AS SELECT id, api.soil() AS fine FROM api.clean",
        "SELECT sallyport.enable_tenancy('api.viewed')",
        "CREATE VIEW api.over WITH (security_invoker = true) AS SELECT id FROM api.viewed WHERE fine",
        "SELECT sallyport.enable_tenancy('api.over')",
        "CREATE VIEW api.through WITH (security_invoker = true) AS SELECT * FROM api.triggered",
        "SELECT sallyport.enable_tenancy('api.through')",
        "CREATE FUNCTION api.fine(c api.clean) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT api.soil()'",
        "SELECT sallyport.expose('api.fine(api.clean)')",
    ]

    private static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            for statement in schema { try await postgres.execute("\(unescaped: statement)") }
            for tenant in [TestDatabase.acme, TestDatabase.globex] {
                let settings = TransactionSettings.tenant(tenant).resettingSession()
                for name in ["clean", "triggered", "guarded", "parents"] {
                    _ = try await postgres.query("INSERT INTO api.\(unescaped: name) (id) VALUES (1), (2)", settings: settings)
                }
                _ = try await postgres.query("UPDATE api.triggered SET parent = id", settings: settings)
            }
        }
    }

    struct Way: Sendable, CustomTestStringConvertible {
        let method: HTTPRequest.Method
        let path: String
        var body: String?
        var key: String?
        var status = 0

        var testDescription: String { "\(method) \(path) \(key ?? "")" }
    }

    private static let ways = [
        Way(method: .post, path: "rpc/soil", body: "{}", status: 200), Way(method: .post, path: "rpc/hoard", body: "{}", status: 200),
        Way(method: .post, path: "rpc/soil", body: "{}", key: "one", status: 200),
        Way(method: .post, path: "rpc/fail", body: "{}", status: 400),
        Way(method: .post, path: "triggered", body: #"{"id": 3}"#, status: 201),
        Way(method: .post, path: "triggered", body: #"{"id": 3}"#, key: "two", status: 201),
        Way(method: .patch, path: "through?id=eq.1", body: #"{"id": 9}"#, status: 204),
        Way(method: .delete, path: "parents?id=eq.1", status: 204),
        Way(method: .post, path: "defaulted", body: #"{"id": 1}"#, status: 201),
        Way(method: .post, path: "checked", body: #"{"id": 1}"#, status: 201),
        Way(method: .post, path: "typed", body: #"{"id": 1, "n": 4}"#, status: 201),
        Way(method: .get, path: "guarded", status: 200), Way(method: .get, path: "viewed", status: 200),
        Way(method: .get, path: "over", status: 200), Way(method: .get, path: "clean?select=id,fine", status: 200),
        Way(method: .get, path: "clean?fine=is.true", status: 200), Way(method: .get, path: "clean?order=fine", status: 200),
        Way(method: .post, path: "clean?select=id,fine", body: #"{"id": 3}"#, status: 201),
        Way(
            method: .post, path: "batch",
            body: #"{"operations": [{"method": "POST", "path": "rpc/soil", "body": {}}, {"method": "GET", "path": "clean"}]}"#, status: 200),
    ]

    @Test("Nothing that a function leaves behind reaches the next request, whatever ran it", arguments: ways) func residue(_ way: Way)
        async throws
    {
        let environment = ["SALLYPORT_DATABASE_POOL_SIZE": "1"]
        try await ResourceAPIHarness.with(environment: environment, prepare: Self.prepare) { api in
            let (acme, globex) = (try api.token(api.acme), try api.token(api.globex))
            var headers: HTTPFields = [.prefer: "return=representation"]
            if let key = way.key { headers[.idempotencyKey] = key }
            if way.status == 204 { headers = [.prefer: "return=minimal"] }
            for _ in 0..<2 {
                let answer = try await api.send(way.method, way.path, token: acme, body: way.body, headers: headers)
                #expect(Int(answer.status.code) == way.status || answer.status == .conflict, "\(answer.body)")
                let residue = try await api.send(.post, "rpc/residue", token: globex, body: "{}")
                #expect(residue.json.stringValue == "", "\(residue.body)")
                let row = try await api.send(.get, "clean?select=id&id=eq.1", token: globex)
                #expect(row.rows.count == 1, "\(row.body)")
            }
        }
    }

    @Test("Only what runs developers' code has its session reset") func economy() async throws {
        let setup = Self.schema.map { SQL("\(unescaped: $0)") }
        try await TestAPI.with(setup: setup) { api in
            func resets(_ verb: Verb, _ name: String, _ query: String = "", body: String? = nil, prefer: [String] = []) throws -> Bool {
                var request = ResourceRequest(verb: verb, name: name, rawQuery: query[...])
                request.body = body.map { Array($0.utf8) }
                request.contentType = "application/json"
                request.prefer = prefer
                return try api.engine.prepare(request).operation.runsForeignCode
            }
            for (name, query) in [
                ("customers", ""), ("orders", "select=id,customers(name),order_items(*)&customers.name=eq.x"), ("currencies", ""),
                ("clean", "name=eq.x"), ("triggered", "select=id,parents(id)"), ("defaulted", ""), ("typed", ""),
            ] {
                let isReset = try resets(.read, name, query)
                #expect(!isReset, "\(name)?\(query)")
            }
            for (name, body) in [("customers", #"{"name": "x"}"#), ("clean", #"{"id": 5}"#)] {
                let (insert, update) = (try resets(.insert, name, body: body), try resets(.update, name, "id=eq.1", body: body))
                #expect(!insert && !update, "\(name)")
            }
            for name in ["triggered", "parents", "defaulted", "checked", "guarded", "typed", "through"] {
                let isReset = try resets(.insert, name, body: #"{"id": 5}"#)
                #expect(isReset, "\(name)")
            }
            for (name, query) in [
                ("guarded", ""), ("viewed", ""), ("over", ""), ("clean", "select=fine"), ("clean", "or=(fine.is.true,id.eq.1)"),
            ] {
                let isReset = try resets(.read, name, query)
                #expect(isReset, "\(name)?\(query)")
            }
            let isReset = try resets(.callReading, "residue")
            #expect(isReset)
        }
    }
}
