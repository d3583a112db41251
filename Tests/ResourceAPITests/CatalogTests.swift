import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("The catalog", .enabled(if: TestDatabase.isConfigured)) struct CatalogTests {
    private func load(role: String = "sallyport_api", setup: [SQL] = []) async throws -> Catalog {
        try await TestDatabase.with { database async throws in
            if !setup.isEmpty {
                try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(setup) }
            }
            return try await database.withPool(role: role) { try await CatalogStore(schemas: ["api"]).load(from: $0) }
        }
    }

    @Test("knows tables, columns and keys, and nothing of tenant_id") func contents() async throws {
        let catalog = try await load()
        #expect(catalog.refusals.isEmpty)
        #expect(Set(catalog.tables["api", default: [:]].keys) == ["customers", "orders", "order_items", "currencies"])
        let orders = try catalog.table(named: "orders")
        #expect(orders.columns.map(\.name) == ["id", "customer_id", "status", "total", "notes", "placed_at"])
        #expect(orders.columns.map(\.type) == ["uuid", "uuid", "text", "numeric(12,2)", "text", "timestamp with time zone"])
        #expect(orders.column("notes")?.isNullable == true)
        #expect(orders.column("status")?.hasDefault == true)
        #expect(orders.primaryKey == ["id"])
        #expect(orders.privileges == Set(Table.Privilege.allCases))
        #expect(orders.constraints["orders_pkey"] == Constraint(kind: .unique, columns: ["id"]))
        #expect(orders.constraints.values.contains(Constraint(kind: .foreignKey(to: "customers"), columns: ["customer_id"])))
        #expect(orders.column("tenant_id") == nil)
        let currencies = try catalog.table(named: "currencies")
        #expect(currencies.isShared)
        #expect(currencies.privileges == [.select])
    }

    @Test("exposes only what is isolated or shared, and says what cures the rest") func exposure() async throws {
        let catalog = try await load(setup: [
            "CREATE TABLE api.naked (id int PRIMARY KEY)", "GRANT ALL ON api.naked TO sallyport_api",
            "CREATE VIEW api.everything AS SELECT * FROM api.customers", "GRANT ALL ON api.everything TO sallyport_api",
            "CREATE TABLE api.quiet (id int PRIMARY KEY)", "SELECT sallyport.isolate('api.quiet')",
            "ALTER TABLE api.orders NO FORCE ROW LEVEL SECURITY",
            "CREATE TABLE api.\"odd \"\"name\"\"\" (id int PRIMARY KEY, \"a\"\"b\" text, twice int GENERATED ALWAYS AS (id * 2) STORED)",
            "SELECT sallyport.enable_tenancy('api.\"odd \"\"name\"\"\"')",
        ])
        #expect(Set(catalog.tables["api", default: [:]].keys) == ["customers", "order_items", "currencies", "odd \"name\""])
        let cures = Dictionary(catalog.refusals.map { ($0.table, $0.cure) }, uniquingKeysWith: { first, _ in first })
        #expect(cures["api.naked"]?.hasPrefix("SELECT sallyport.enable_tenancy('api.naked');") == true)
        #expect(cures["api.orders"] == "ALTER TABLE api.orders FORCE ROW LEVEL SECURITY")
        #expect(cures["api.quiet"] == "GRANT SELECT ON api.quiet TO sallyport_api")
        #expect(cures["api.everything"] != nil)
        #expect(try catalog.table(named: "odd \"name\"").column("twice")?.isGenerated == true)
        #expect(throws: APIError.self) { try catalog.table(named: "naked") }
    }

    @Test("is not read by a role that bypasses row-level security") func superuser() async throws {
        await #expect(throws: CatalogError.self) { try await load(role: "postgres") }
    }

    @Test("does not expose a table to its own owner") func owner() async throws {
        let catalog = try await load(role: "sallyport_owner")
        #expect(catalog.tables.isEmpty)
    }
}
