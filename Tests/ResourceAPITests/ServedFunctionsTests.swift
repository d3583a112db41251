import JSON
import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

@Suite("Functions in the catalog", .enabled(if: TestDatabase.isConfigured)) struct ServedFunctionsTests {
    private static func function(_ definition: String, expose: String) -> [SQL] {
        ["CREATE FUNCTION api.\(unescaped: definition)", "SELECT sallyport.expose('api.\(unescaped: expose)')"]
    }

    @Test("have their parameters, defaults, result and volatility") func contents() async throws {
        let setup: [SQL] =
            [
                "CREATE TYPE api.point3 AS (x int, y int)", "CREATE TYPE api.mood AS ENUM ('sad', 'ok')",
                "CREATE TABLE api.hidden (tenant_id uuid, secret text)",
            ]
            + Self.function("add(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE RETURN a + b", expose: "add(int,int)")
            + Self.function("many(VARIADIC v text[]) RETURNS text LANGUAGE sql STABLE RETURN v[1]", expose: "many(text[])")
            + Self.function("raw(json) RETURNS json LANGUAGE sql RETURN $1", expose: "raw(json)")
            + Self.function("nothing() RETURNS void LANGUAGE sql AS ''", expose: "nothing()")
            + Self.function(
                "rows(m api.mood) RETURNS TABLE (mood api.mood, n numeric(4,1)[]) LANGUAGE sql STABLE AS 'SELECT m, NULL::numeric[]'",
                expose: "rows(api.mood)")
            + Self.function("both(INOUT a int, OUT b jsonb) LANGUAGE sql AS 'SELECT 1, NULL::jsonb'", expose: "both(int)")
            + Self.function("all_orders() RETURNS SETOF api.orders LANGUAGE sql STABLE AS 'TABLE api.orders'", expose: "all_orders()")
            + Self.function("pair() RETURNS api.point3 LANGUAGE sql STABLE RETURN ROW(1, 2)::api.point3", expose: "pair()")
            + Self.function("secrets() RETURNS SETOF api.hidden LANGUAGE sql STABLE AS 'TABLE api.hidden'", expose: "secrets()")
            + ["COMMENT ON FUNCTION api.add(int, int) IS 'Adds.'"]
            + Self.function("add(a text) RETURNS text LANGUAGE sql RETURN a", expose: "add(text)")
        try await CatalogFixture.with(setup) { fixture async throws in
            let functions = try #require(fixture.catalog.functions["api"])
            func one(_ name: String) throws -> Function { try #require(functions[name]?.first) }
            #expect(functions["add"]?.count == 2)
            #expect(
                try one("add").parameters == [
                    Function.Parameter(name: "a", type: "integer", hasDefault: false, isVariadic: false),
                    Function.Parameter(name: "b", type: "integer", hasDefault: true, isVariadic: false),
                ])
            #expect(try one("add").volatility == .immutable)
            #expect(try one("add").comment == "Adds.")
            #expect(try one("add").result == .scalar(type: "integer"))
            #expect(
                try one("many").parameters == [Function.Parameter(name: "v", type: "text[]", hasDefault: false, isVariadic: true)])
            #expect(try one("raw").unnamedParameter?.type == "json")
            #expect(try one("raw").volatility == .volatile)
            #expect(try one("nothing").result == .void)
            guard case .columns(let rows) = try one("rows").result else { throw Missing() }
            #expect(rows.map(\.name) == ["mood", "n"])
            #expect(rows.map(\.type) == ["api.mood", "numeric[]"])
            #expect(rows[0].enumLabels == ["sad", "ok"])
            #expect(rows[1].kind == .array)
            #expect(try one("rows").returnsSet)
            #expect(try one("rows").parameters.map(\.name) == ["m"])
            guard case .columns(let both) = try one("both").result else { throw Missing() }
            #expect(both.map(\.name) == ["a", "b"])
            #expect(both[1].kind == .jsonb)
            #expect(try one("both").parameters.map(\.name) == ["a"])
            #expect(try one("all_orders").result == .relation(RelationID(schema: "api", name: "orders")))
            guard case .columns(let pair) = try one("pair").result else { throw Missing() }
            #expect(pair.map(\.name) == ["x", "y"])
            guard case .columns(let secrets) = try one("secrets").result else { throw Missing() }
            #expect(secrets.map(\.name) == ["secret"], "a table that is not served lends its columns, but for the tenant")
        }
    }

    @Test("are served only once declared, and as definer only once declared twice") func declarations() async throws {
        try await TestDatabase.with { database async throws in
            func exposed() async throws -> [String] {
                let catalog = try await database.withPool(role: "sallyport_api") { try await CatalogStore(schemas: ["api"]).load(from: $0) }
                // The demo has two of its own.
                return (catalog.functions["api"] ?? [:]).keys.sorted().filter { !["place_order", "search_customers"].contains($0) }
            }
            func run(_ statements: SQL...) async throws -> ServerError? { try await CatalogFixture.refusal(statements, in: database) }

            #expect(
                try await run(
                    "CREATE FUNCTION api.plain() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                    "CREATE FUNCTION api.strong() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
                    "GRANT EXECUTE ON FUNCTION api.plain(), api.strong() TO sallyport_api, PUBLIC") == nil)
            #expect(try await exposed().isEmpty)
            #expect(try await run("SELECT sallyport.expose('api.plain()')") == nil)
            #expect(try await exposed() == ["plain"])

            let first = try await run("SELECT sallyport.expose('api.strong()')")
            #expect(first?.message == "api.strong() runs with its owner's rights")
            #expect(first?.hint == "SELECT sallyport.expose_definer('api.strong()')")
            let second = try await run("SELECT sallyport.expose_definer('api.strong()')")
            #expect(second?.message == "api.strong() runs with its owner's rights and its caller's search_path")
            #expect(try await run("\(unescaped: second?.hint ?? "")") == nil)
            #expect(try await run("SELECT sallyport.expose_definer('api.strong()')") == nil)
            #expect(try await exposed() == ["plain"], "the second declaration alone exposes nothing")
            #expect(try await run("SELECT sallyport.expose('api.strong()')") == nil)
            #expect(try await exposed() == ["plain", "strong"])

            // The declaration follows its function, and a changed function is looked at again.
            #expect(
                try await run(
                    "ALTER FUNCTION api.plain() RENAME TO renamed",
                    "CREATE OR REPLACE FUNCTION api.renamed() RETURNS int LANGUAGE sql AS 'SELECT 2'",
                    "ALTER FUNCTION api.strong() RESET search_path") == nil)
            #expect(try await exposed() == ["renamed"])
            #expect(try await run("ALTER FUNCTION api.renamed() SECURITY DEFINER SET search_path = pg_catalog") == nil)
            #expect(try await exposed().isEmpty)
            #expect(try await run("ALTER FUNCTION api.renamed() SECURITY INVOKER") == nil)
            #expect(try await exposed() == ["renamed"])
            #expect(
                try await run(
                    "DROP FUNCTION api.renamed()", "CREATE FUNCTION api.renamed() RETURNS int LANGUAGE sql AS 'SELECT 3'",
                    "ALTER FUNCTION api.strong() SET search_path = pg_catalog") == nil)
            #expect(try await exposed() == ["strong"], "another function of the name is not declared")
            #expect(try await run("SELECT sallyport.unexpose('api.strong()')") == nil)
            #expect(try await exposed().isEmpty)
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                _ = await #expect(throws: PostgresError.self) { try await postgres.query("SELECT api.strong()") }
            }
        }
    }

    @Test("are refused where no request could call them") func unusable() async throws {
        let cases = [
            ("t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'", "t()"),
            ("p(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1'", "p(anyelement)"),
            ("r() RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, 2'", "r()"),
        ]
        try await TestDatabase.with { database async throws in
            for (definition, name) in cases {
                let refused = try await CatalogFixture.refusal(Self.function(definition, expose: name), in: database)
                #expect(refused?.message.contains("which has no value outside the database") == true, "\(name)")
            }
            let aggregate = try await CatalogFixture.refusal(
                ["CREATE AGGREGATE api.total(int) (sfunc = int4pl, stype = int)", "SELECT sallyport.expose('api.total(int)')"], in: database
            )
            #expect(aggregate?.message.contains("is not a plain function") == true)
        }
    }

    @Test("take writes back when they refuse") func refuse() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let acme = TransactionSettings.tenant(TestDatabase.acme)
                do {
                    _ = try await postgres.query(
                        """
                        WITH gone AS (DELETE FROM api.orders RETURNING id)
                        SELECT CASE WHEN count(*) = 1 THEN '[]'::json
                                    WHEN sallyport.refuse('PGRST116', 'one row', 'There are ' || count(*), NULL) THEN NULL END FROM gone
                        """, settings: acme)
                    Issue.record("it did not refuse")
                } catch PostgresError.server(let error) {
                    #expect(error.sqlState.rawValue == "SP001")
                    #expect(error.column == "PGRST116")
                    #expect(error.message == "one row")
                    #expect(error.detail == "There are 42")
                    #expect(error.hint == "")
                }
                #expect(try await postgres.query("SELECT count(*) FROM api.orders", settings: acme)[0].decode(Int.self) == 42)
            }
        }
    }
}

private struct Missing: Error {}
