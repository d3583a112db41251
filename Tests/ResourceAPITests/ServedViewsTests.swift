import JSON
import TestSupport
import Testing

@testable import Postgres
@testable import ResourceAPI

/// The catalog after the owner ran `setup`, and who else is asked.
struct CatalogFixture {
    let database: TestDatabase
    let catalog: Catalog

    static func with(_ setup: [SQL], _ body: (CatalogFixture) async throws -> Void) async throws {
        try await TestDatabase.with { database async throws in
            if !setup.isEmpty { try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(setup) } }
            let catalog = try await database.withPool(role: "sallyport_api") { try await CatalogStore(schemas: ["api"]).load(from: $0) }
            try await body(CatalogFixture(database: database, catalog: catalog))
        }
    }

    /// What the owner is told when running the statements in one transaction; nil if nothing is wrong.
    static func refusal(_ statements: [SQL], in database: TestDatabase) async throws -> ServerError? {
        do {
            try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(statements) }
            return nil
        } catch PostgresError.server(let error) {
            return error
        }
    }

    func table(_ name: String) throws -> Table { try catalog.table(named: name) }

    func relationships(_ source: String, _ target: String) -> [Relationship] {
        (catalog.relationships[RelationID(schema: "api", name: source)] ?? []).filter { $0.target.name == ExactString(target) }
    }

    /// The first column of the first row, as one tenant's request sees it.
    func text(_ sql: SQL, as tenant: TransactionSettings) async throws -> String {
        try await database.withPool(role: "sallyport_api") { try await $0.query(sql, settings: tenant)[0].decode(String.self, column: 0) }
    }
}

private let acme = TransactionSettings.tenant(TestDatabase.acme)
private let globex = TransactionSettings.tenant(TestDatabase.globex)

@Suite("Views in the catalog", .enabled(if: TestDatabase.isConfigured)) struct ServedViewsTests {
    @Test("show the columns, the key and the references of the tables behind, by their own names") func columns() async throws {
        try await CatalogFixture.with([
            """
            CREATE VIEW api.mine WITH (security_invoker = true) AS
                SELECT o.tenant_id AS owner, o.id AS "order", o.customer_id AS buyer, o.status, o.total * 2 AS double FROM api.orders o
            """,
            "CREATE VIEW api.nested WITH (security_invoker = true) AS SELECT \"order\" AS number, buyer AS b, buyer AS c FROM api.mine",
            "SELECT sallyport.enable_tenancy('api.mine')", "SELECT sallyport.enable_tenancy('api.nested')",
        ]) { fixture async throws in
            #expect(fixture.catalog.refusals.isEmpty)
            let mine = try fixture.table("mine")
            #expect(mine.kind == .view)
            #expect(!mine.isShared)
            #expect(mine.columns.map(\.name) == ["order", "buyer", "status", "double"], "the tenant is hidden by any name")
            #expect(mine.primaryKey == ["order"])
            #expect(mine.column("order")?.isNullable == false)
            #expect(mine.column("double")?.isNullable == true)
            #expect(mine.column("status")?.defaultExpression == (try fixture.table("orders").column("status")?.defaultExpression))
            #expect(mine.column("status")?.hasDefault == true)
            #expect(mine.constraints["orders_pkey"]?.columns == ["order"])
            #expect(try fixture.table("nested").primaryKey == ["number"])

            let toCustomers = fixture.relationships("mine", "customers").map(\.cardinality)
            #expect(toCustomers.count == 1)
            guard case .manyToOne(_, let pairs)? = toCustomers.first else { throw Missing() }
            #expect(pairs == [.init(local: "buyer", foreign: "id")])
            #expect(fixture.relationships("customers", "mine").count == 1)
            #expect(fixture.relationships("mine", "order_items").count == 1, "what refers to the table refers to the view of it")
            #expect(fixture.relationships("nested", "customers").count == 2, "one for each name of the column")
            for tenant in [acme, globex] {
                #expect(
                    try await fixture.text("SELECT (count(*) = 42)::text FROM api.mine", as: tenant) == "true")
                #expect(
                    try await fixture.text("SELECT bool_and(owner = sallyport.current_tenant())::text FROM api.mine", as: tenant) == "true")
            }
        }
    }

    @Test("can be written exactly where they can be, by right and by shape") func privileges() async throws {
        try await CatalogFixture.with([
            "CREATE VIEW api.plain WITH (security_invoker = true) AS SELECT id, name FROM api.customers",
            "CREATE VIEW api.counted WITH (security_invoker = true) AS SELECT status, count(*) FROM api.orders GROUP BY status",
            "CREATE VIEW api.money WITH (security_invoker = true) AS SELECT code FROM api.currencies",
            "SELECT sallyport.enable_tenancy('api.plain'), sallyport.enable_tenancy('api.counted'), sallyport.share('api.money')",
        ]) { fixture async throws in
            #expect(try fixture.table("plain").privileges == Set(Table.Privilege.allCases))
            #expect(try fixture.table("counted").privileges == [.select])
            #expect(try fixture.table("counted").primaryKey.isEmpty)
            #expect(try fixture.table("money").privileges == [.select])
            #expect(try fixture.table("money").isShared)
            #expect(try fixture.table("money").primaryKey == ["code"])
        }
    }

    @Test("have a key only where it tells their rows apart") func keys() async throws {
        let cases: [(SQL, [String])] = [
            ("SELECT o.id, c.id AS customer FROM api.orders o JOIN api.customers c ON c.id = o.customer_id", ["id", "customer"]),
            ("SELECT c.id, o.total FROM api.orders o JOIN api.customers c ON c.id = o.customer_id", []),
            (
                """
                SELECT c.id, c.name, sum(o.total) AS total FROM api.customers c LEFT JOIN api.orders o ON o.customer_id = c.id
                 GROUP BY c.tenant_id, c.id
                """, ["id"]
            ),
            ("SELECT customer_id AS id, count(*) FROM api.orders GROUP BY customer_id", []),
            ("SELECT id FROM api.customers UNION ALL SELECT id FROM api.customers", []),
            ("SELECT id, generate_series(1, 2) FROM api.customers", []),
            ("SELECT c.id FROM api.customers c, generate_series(1, 2)", []),
            ("SELECT a.id, b.id AS other FROM api.customers a, api.customers b", []),
            ("SELECT id FROM api.customers WHERE name IN (SELECT status FROM api.orders)", ["id"]),
            ("SELECT DISTINCT id FROM api.customers", ["id"]),
        ]
        for (query, key) in cases {
            try await CatalogFixture.with([
                "CREATE VIEW api.v WITH (security_invoker = true) AS \(query)", "SELECT sallyport.enable_tenancy('api.v')",
            ]) { fixture async throws in
                #expect(try fixture.table("v").primaryKey == key, "\(query.text)")
            }
        }
    }

    @Test("are refused, with the cure, where another's rights or rows would come with them") func refusals() async throws {
        let cases: [(setup: [SQL], problem: String)] = [
            (["CREATE VIEW api.v AS SELECT * FROM api.customers"], "runs with its owner's rights"),
            (
                [
                    "CREATE VIEW api.inner AS SELECT * FROM api.customers",
                    "CREATE VIEW api.v WITH (security_invoker = true) AS SELECT * FROM api.inner",
                ], "reads api.\"inner\", which runs with its owner's rights"
            ),
            (
                [
                    "CREATE TABLE api.naked (id int PRIMARY KEY)", "GRANT SELECT ON api.naked TO sallyport_api",
                    "CREATE VIEW api.v WITH (security_invoker = true) AS SELECT c.id FROM api.customers c, api.naked",
                ], "reads api.naked, which is not declared"
            ),
            (
                [
                    "CREATE FUNCTION api.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
                    "CREATE VIEW api.v WITH (security_invoker = true) AS SELECT id, api.f() FROM api.customers",
                ], "calls api.f(), which runs with its owner's rights"
            ),
            (
                [
                    "CREATE VIEW api.v WITH (security_invoker = true) AS SELECT id FROM api.customers",
                    "CREATE RULE away AS ON DELETE TO api.v DO INSTEAD DELETE FROM api.orders",
                ], "has the rule away, which runs with its owner's rights"
            ),
            (
                [
                    "CREATE MATERIALIZED VIEW api.m AS SELECT tenant_id, id FROM api.customers",
                    "CREATE VIEW api.v WITH (security_invoker = true) AS SELECT id FROM api.m",
                ], "reads api.m, which has a column tenant_id, which no policy guards"
            ),
        ]
        for (setup, problem) in cases {
            try await TestDatabase.with { database async throws in
                let refused = try await CatalogFixture.refusal(setup + ["SELECT sallyport.enable_tenancy('api.v')"], in: database)
                #expect(refused?.message == "api.v " + problem)
                #expect(refused?.hint?.isEmpty == false)
                // Granted past the declaration it is not served either.
                let setup = setup + ["GRANT SELECT ON api.v TO sallyport_api"]
                #expect(try await CatalogFixture.refusal(setup, in: database) == nil)
                let catalog = try await database.withPool(role: "sallyport_api") { try await CatalogStore(schemas: ["api"]).load(from: $0) }
                #expect(catalog.refusals.contains { $0.table == "api.v" && $0.problem == problem && !$0.cure.isEmpty })
                #expect(throws: APIError.self) { try catalog.table(named: "v") }
            }
        }
    }

    @Test("of a materialized view keep tenants apart in the one form that is known to") func materialized() async throws {
        try await TestDatabase.with { database async throws in
            // Whoever fills it must see all tenants' rows.
            try await database.withPool(role: "postgres") { postgres async throws in
                _ = try await postgres.batch([
                    "CREATE MATERIALIZED VIEW api.totals AS SELECT tenant_id, status AS \"St\", count(*) AS n FROM api.orders GROUP BY 1, 2",
                    "ALTER MATERIALIZED VIEW api.totals OWNER TO sallyport_owner",
                ])
            }
            let refused = try await CatalogFixture.refusal(["SELECT sallyport.share('api.totals')"], in: database)
            #expect(refused?.message == "api.totals reads api.orders, whose rows belong to tenants")
            let cure = try #require(refused?.hint).split(separator: "; ", maxSplits: 1).map { SQL("\(unescaped: String($0))") }
            #expect(try await CatalogFixture.refusal(cure, in: database) == nil)
            let near = try await CatalogFixture.refusal(
                [
                    """
                    CREATE VIEW api.near WITH (security_barrier = true) AS SELECT "St", n FROM api.totals
                     WHERE tenant_id = (SELECT sallyport.current_tenant()) OR n > 0
                    """, "SELECT sallyport.enable_tenancy('api.near')",
                ], in: database)
            #expect(near?.message == "api.near runs with its owner's rights")
            let shared = try await CatalogFixture.refusal(
                ["CREATE MATERIALIZED VIEW api.codes AS SELECT code FROM api.currencies", "SELECT sallyport.share('api.codes')"],
                in: database)
            #expect(shared == nil)

            let catalog = try await database.withPool(role: "sallyport_api") { try await CatalogStore(schemas: ["api"]).load(from: $0) }
            let view = try catalog.table(named: "totals_of_tenant")
            #expect(view.columns.map(\.name) == ["St", "n"])
            #expect(!view.isShared)
            #expect(view.privileges == [.select])
            #expect(try catalog.table(named: "codes").kind == .materializedView)
            #expect(try catalog.table(named: "codes").isShared)
            #expect(throws: APIError.self) { try catalog.table(named: "totals") }

            let fixture = CatalogFixture(database: database, catalog: catalog)
            let counts = try await [acme, globex].asyncMap { tenant in
                try await fixture.text("SELECT sum(n)::text FROM api.totals_of_tenant", as: tenant)
            }
            let expected = try await [acme, globex].asyncMap { tenant in
                try await fixture.text("SELECT count(*)::text FROM api.orders", as: tenant)
            }
            #expect(counts == expected)
            #expect(try await fixture.text("SELECT count(*)::text FROM api.totals_of_tenant", as: .none) == "0")
        }
    }

    @Test("leave foreign tables out") func foreign() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "postgres") { postgres async throws in
                _ = try await postgres.batch([
                    "CREATE FOREIGN DATA WRAPPER nothing", "CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing",
                    "CREATE FOREIGN TABLE api.far (id int) SERVER nowhere", "GRANT SELECT ON api.far TO sallyport_api",
                ])
            }
            let catalog = try await database.withPool(role: "sallyport_api") { try await CatalogStore(schemas: ["api"]).load(from: $0) }
            #expect(catalog.refusals.contains { $0.table == "api.far" && $0.problem.contains("foreign table") })
        }
    }
}

private struct Missing: Error {}

extension Array {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var mapped: [T] = []
        for element in self { mapped.append(try await transform(element)) }
        return mapped
    }
}
