import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// A computed column runs a developer's function, which may read what the token may not: here with its owner's rights.
@Suite("A function of a row takes the scope to call it", .enabled(if: TestDatabase.isConfigured)) struct ComputedScopeTests {
    private static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            for statement: SQL in [
                """
                CREATE FUNCTION api.spent(c api.customers) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
                    RETURN (SELECT coalesce(sum(o.total), 0) FROM api.orders o WHERE o.customer_id = c.id)
                """,
                "SELECT sallyport.expose_definer('api.spent(api.customers)'), sallyport.expose('api.spent(api.customers)')",
                """
                CREATE FUNCTION api.latest(c api.customers) RETURNS SETOF api.orders ROWS 1 LANGUAGE sql STABLE
                    AS 'SELECT * FROM api.orders o WHERE o.customer_id = c.id ORDER BY placed_at DESC LIMIT 1'
                """,
                "SELECT sallyport.expose('api.latest(api.customers)')",
                "CREATE FUNCTION api.everybody() RETURNS SETOF api.customers LANGUAGE sql STABLE AS 'SELECT * FROM api.customers'",
                "SELECT sallyport.expose('api.everybody()')",
            ] { try await postgres.execute(statement) }
        }
    }

    private static let reads = [
        "customers?select=id,spent", "customers?select=id&spent=gt.0", "customers?select=id&or=(spent.gt.0,id.is.null)",
        "customers?select=id&order=spent", "customers?select=spent.sum()", "customers?select=id,s:spent::text",
        "orders?select=id,customers(spent)", "orders?select=id,customers()&customers.spent=gt.0&customers=not.is.null",
        "orders?select=id,customers()&order=customers(spent)", "orders?select=id,...customers(spent)", "rpc/everybody?select=id,spent",
        "rpc/everybody?select=id&spent=gt.0", "customers/export?select=id,spent",
    ]

    @Test("as a column, wherever it stands") func columns() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            for tenant in [api.acme, api.globex] {
                let reader = try api.token(tenant, scope: "customers:* orders:* everybody:execute latest:execute")
                let caller = try api.token(tenant, scope: "customers:* orders:* everybody:execute spent:execute")
                for path in Self.reads {
                    let refused = try await api.send(.get, path, token: reader)
                    #expect(refused.status == .forbidden, "\(path)")
                    #expect(refused.headers[.wwwAuthenticate]?.contains("scope=\"spent:execute\"") == true, "\(path)")
                    #expect(try await api.send(.get, path, token: caller).status == .ok, "\(path)")
                }
                for path in ["customers", "customers?select=*", "customers?select=id&order=id"] {
                    let plain = try await api.send(.get, path, token: reader)
                    #expect(plain.status == .ok && plain.rows.first?["spent"] == nil)
                }
            }
        }
    }

    @Test("as a column of what is written, asked or given back") func writes() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let id = try #require(try await api.send(.get, "customers?limit=1", token: api.token(api.acme)).rows.first?["id"]?.stringValue)
            let writer = try api.token(api.acme, scope: "customers:*")
            let caller = try api.token(api.acme, scope: "customers:* spent:execute")
            let body = #"{"phone":"1"}"#
            for (path, headers) in [
                ("customers?id=eq.\(id)&spent=gte.0", [:]), ("customers?id=eq.\(id)&select=spent", .prefer("return=representation")),
                ("customers?id=eq.\(id)&select=id&order=spent", .prefer("return=representation")),
            ] as [(String, HTTPFields)] {
                #expect(try await api.send(.patch, path, token: writer, body: body, headers: headers).status == .forbidden, "\(path)")
                #expect(try await api.send(.patch, path, token: caller, body: body, headers: headers).status.kind == .successful)
            }
            #expect(try await api.send(.patch, "customers?id=eq.\(id)&select=spent", token: writer, body: body).status == .noContent)
        }
    }

    @Test("as a relationship, besides reading what it leads to") func relationships() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            for (scope, status) in [
                ("customers:read orders:read", 403), ("customers:read latest:execute", 403),
                ("customers:read orders:read spent:execute", 403),
                ("customers:read orders:read latest:execute", 200), ("customers:read orders:read *:execute", 200),
            ] {
                for path in [
                    "customers?select=id,latest(id)", "customers?select=id,latest()&latest=is.null", "customers?select=id,...latest(total)",
                ] {
                    let answer = try await api.send(.get, path, token: api.token(api.acme, scope: scope))
                    #expect(answer.status.code == status, "\(scope) \(path) \(answer.body)")
                }
            }
        }
    }

    @Test("and the document shows it to nobody else") func document() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            func members(_ scope: String) async throws -> [String] {
                let document = try await api.send(.get, "", token: api.token(api.acme, scope: scope)).json.objectValue
                let schemas = document?["components"]?.objectValue?["schemas"]?.objectValue
                return schemas?["customers"]?.objectValue?["properties"]?.objectValue?.members.map(\.name) ?? []
            }
            let read = try await members("customers:read")
            #expect(read == ["id", "name", "email", "phone"])
            let called = try await members("customers:read spent:execute")
            #expect(called == ["id", "name", "email", "phone", "spent"])
            let written = try await members("customers:write spent:execute")
            #expect(written == [])
        }
    }
}
