import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// With 10,000 tenants in a table, what a tenant asks for is found by the tenant's own index entries: row-level security changes no plan's
/// shape.
@Suite("Plans under row-level security", .enabled(if: TestDatabase.isConfigured)) struct PlanShapeTests {
    private static let tenants = 10_000

    private static let setup: [SQL] = [
        "CREATE TABLE api.shops (id int, name text NOT NULL, opened date NOT NULL, PRIMARY KEY (id))",
        "SELECT sallyport.enable_tenancy('api.shops')", "CREATE INDEX shops_opened ON api.shops (tenant_id, opened)",
        "CREATE INDEX shops_name ON api.shops (tenant_id, name)",
        """
        CREATE TABLE api.visits (id int, shop int NOT NULL, guest text, tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(),
            PRIMARY KEY (tenant_id, id), CONSTRAINT visited FOREIGN KEY (tenant_id, shop) REFERENCES api.shops (tenant_id, id))
        """, "SELECT sallyport.enable_tenancy('api.visits')", "CREATE INDEX visits_shop ON api.visits (tenant_id, shop)",
    ]

    private static let tenant = uuid(77)

    private static func uuid(_ number: Int) -> UUID {
        let digits = String(number, radix: 10)
        return UUID(uuidString: "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits) ?? UUID()
    }

    /// As somebody whom row-level security does not bind.
    private static let rows: [SQL] = [
        """
        INSERT INTO api.shops (tenant_id, id, name, opened)
        SELECT ('00000000-0000-4000-8000-' || lpad(t::text, 12, '0'))::uuid, i, 'shop ' || i, date '2020-01-01' + i
          FROM generate_series(1, \(unescaped: "\(tenants)")) AS t, generate_series(1, 10) AS i
        """,
        """
        INSERT INTO api.visits (tenant_id, id, shop, guest) SELECT tenant_id, id * 10 + k, id, 'guest' FROM api.shops, generate_series(1, 2) AS k
        """, "ANALYZE api.shops", "ANALYZE api.visits",
    ]

    private struct Case {
        let verb: Verb
        let table: String
        let query: String
        var prefer: [String] = []
        var body: String?
        /// Indexes that must be used.
        let indexes: Set<String>
    }

    private static let cases = [
        Case(verb: .read, table: "shops", query: "", indexes: []),
        Case(verb: .read, table: "shops", query: "", prefer: ["count=exact"], indexes: []),
        Case(verb: .read, table: "shops", query: "id=eq.3", indexes: ["shops_pkey"]),
        Case(verb: .read, table: "shops", query: "id=in.(3,4)", indexes: ["shops_pkey"]),
        Case(verb: .read, table: "shops", query: "name=eq.shop%203", indexes: ["shops_name"]),
        Case(verb: .read, table: "shops", query: "opened=gte.2020-01-08", indexes: []),
        Case(verb: .read, table: "shops", query: "order=id&limit=3", indexes: ["shops_pkey"]),
        Case(verb: .read, table: "shops", query: "order=opened.desc&limit=3", indexes: ["shops_opened"]),
        Case(verb: .read, table: "shops", query: "id=eq.3&select=id,visits(guest)", indexes: ["shops_pkey", "visits_shop"]),
        Case(verb: .read, table: "visits", query: "id=eq.31&select=id,shops(name)", indexes: ["visits_pkey", "shops_pkey"]),
        Case(
            verb: .read, table: "shops", query: "select=id,visits(guest)&visits.limit=1&visits.order=id&order=id&limit=3",
            indexes: ["shops_pkey"]),
        Case(verb: .head, table: "visits", query: "shop=eq.3", prefer: ["count=exact"], indexes: ["visits_shop"]),
        Case(verb: .update, table: "shops", query: "id=eq.3", body: #"{"name": "x"}"#, indexes: ["shops_pkey"]),
        Case(verb: .delete, table: "visits", query: "shop=eq.3", indexes: ["visits_shop"]),
    ]

    @Test("search by the tenant first, whatever else is asked") func shapes() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(Self.setup) }
            try await database.withPool(role: "postgres") { postgres async throws in
                for statement in Self.rows { _ = try await postgres.query(statement) }
            }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let engine = ResourceEngine(catalog: try await CatalogStore(schemas: ["api"]).load(from: postgres), maximumRows: 1000)
                for one in Self.cases {
                    var request = ResourceRequest(verb: one.verb, name: one.table, rawQuery: one.query[...], prefer: one.prefer)
                    request.body = one.body.map { Array($0.utf8) }
                    let prepared = try engine.prepare(request)
                    let statement = try #require(prepared.operation.statement).bind(prepared.query, prepared.payload)
                    let explanation = SQL(
                        SQLStatement("EXPLAIN (FORMAT JSON) " + statement.text, parameterTypes: statement.parameters.map(\.type)),
                        statement.parameters)
                    let result = try await postgres.query(explanation, settings: .tenant(Self.tenant))
                    let plan = try #require(try JSONValue(parsing: result[0].decode(String.self)).arrayValue?.first?.objectValue?["Plan"])
                    var indexes: Set<String> = []
                    var scans: [String] = []
                    Self.walk(plan, &indexes, &scans)
                    #expect(scans.isEmpty, "\(one.verb) \(one.query): reads whole tables: \(scans)")
                    #expect(indexes.isSuperset(of: one.indexes), "\(one.verb) \(one.query): \(indexes)")
                }
            }
        }
    }

    /// Collects the indexes that are searched with the tenant, and the tables that are read without.
    private static func walk(_ node: JSONValue, _ indexes: inout Set<String>, _ scans: inout [String]) {
        guard let node = node.objectValue else { return }
        let kind = node["Node Type"]?.stringValue ?? ""
        if let index = node["Index Name"]?.stringValue {
            if node["Index Cond"]?.stringValue?.contains("tenant_id = $") == true {
                indexes.insert(index)
            } else {
                scans.append("\(kind) of \(index): \(node["Index Cond"]?.stringValue ?? "")")
            }
        } else if kind == "Seq Scan" {
            scans.append("\(kind) of \(node["Relation Name"]?.stringValue ?? "")")
        }
        for child in node["Plans"]?.arrayValue ?? [] { walk(child, &indexes, &scans) }
    }
}
