import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import NIOCore
import OAuth
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Exports", .enabled(if: TestDatabase.isConfigured)) struct ExportTests {
    private static func export(
        _ api: ResourceAPIHarness, _ path: String, token: String, accept: String? = nil
    ) async throws -> (status: HTTPResponse.Status, headers: HTTPFields, text: String) {
        var headers: HTTPFields = [.authorization: "Bearer \(token)"]
        if let accept { headers[.accept] = accept }
        return try await api.client.execute(uri: "/api/v1/\(path)", method: .get, headers: headers) { response in
            (response.status, response.headers, String(buffer: response.body))
        }
    }

    @Test("Values are quoted where they have to be, null is nothing, in the order and columns asked for") func csv() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let rows = #"""
                [{"name":"export a","email":"a,b","phone":null},{"name":"export \"b\"","email":"","phone":"1\n2"},
                 {"name":"export ü","email":"x\ry","phone":" "}]
                """#
            #expect(try await api.send(.post, "customers", token: token, body: rows).status == .created)
            let answer = try await Self.export(
                api, "customers/export?select=name,mail:email,phone&name=like.export*&order=name.desc", token: token)
            #expect(answer.status == .ok)
            #expect(answer.headers[.contentType] == "text/csv; charset=utf-8")
            #expect(answer.headers[.contentDisposition] == "attachment; filename=\"customers.csv\"")
            let lines = ["export ü,\"x\ry\", ", "export a,\"a,b\",", "\"export \"\"b\"\"\",\"\",\"1\n2\""]
            #expect(Set(answer.text.split(separator: "\n", maxSplits: 1).map(String.init).first.map { [$0] } ?? []) == ["name,mail,phone"])
            for line in lines { #expect(answer.text.contains(line + "\n"), "\(line)") }
            let none = try await Self.export(api, "customers/export?select=name&name=eq.nobody", token: token)
            #expect(none.text == "name\n")
        }
    }

    @Test("All rows of the tenant are written, more than a read returns, and no other tenant's") func allRows() async throws {
        try await ResourceAPIHarness.with(prepare: { database in
            try await database.withPool(role: "sallyport_api") { postgres in
                for (tenant, name) in [(TestDatabase.acme, "acme"), (TestDatabase.globex, "globex")] {
                    _ = try await postgres.query(
                        "INSERT INTO api.customers (name) SELECT \(name) || ' ' || i FROM generate_series(1, 3000) AS i",
                        settings: .tenant(tenant))
                }
            }
        }) { api in
            let all = try await Self.export(api, "customers/export?select=name", token: api.token(api.acme))
            #expect(all.text.split(separator: "\n").count == 3025)
            #expect(!all.text.contains("globex"))
            let some = try await Self.export(
                api, "customers/export?select=name&name=like.acme*&limit=1500&offset=2900", token: api.token(api.acme))
            #expect(some.text.split(separator: "\n").count == 101)
        }
    }

    @Test("A role's own bound on rows holds for reads and exports, and for no other role") func roleBound() async throws {
        let limits = #"{"readonly": {"max_rows": 2}}"#
        try await ResourceAPIHarness.with(environment: ["SALLYPORT_API_ROLE_LIMITS": limits]) { api in
            for (role, rows) in [("readonly", 2), ("user", 24)] {
                var claims = try api.claims(api.acme)
                claims.roles = [role]
                let token = try api.issuer.sign(AccessTokenCodec.payload(claims), as: api.acme)
                #expect(try await api.send(.get, "customers?select=id", token: token).rows.count == rows)
                let exported = try await Self.export(api, "customers/export?select=id", token: token)
                #expect(exported.text.split(separator: "\n").count == rows + 1)
            }
        }
    }

    /// The tenants' first customer has seven orders more, of a few megabytes each.
    private static func manyOrders(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_api") { postgres in
            for tenant in [TestDatabase.acme, TestDatabase.globex] {
                _ = try await postgres.query(
                    """
                    INSERT INTO api.orders (customer_id, status, total, notes)
                    SELECT (SELECT id FROM api.customers ORDER BY id LIMIT 1), 'new', 1, repeat('x', 3000000) FROM generate_series(1, 7)
                    """, settings: .tenant(tenant))
            }
        }
    }

    @Test("Related rows beyond the bound are refused, not left out", arguments: ["text/csv", "application/x-ndjson"]) func relatedRows(
        _ accept: String
    ) async throws {
        try await ResourceAPIHarness.with(environment: ["SALLYPORT_API_MAX_ROWS": "6"], prepare: Self.manyOrders) { api in
            let token = try api.token(api.acme)
            for select in ["id,orders(id)", "id,...orders(total)", "id,orders(id)&orders.limit=9"] {
                let answer = try await Self.export(api, "customers/export?select=\(select)&order=id", token: token, accept: accept)
                #expect(
                    answer.status == .badRequest && answer.text.contains("54000") && answer.text.contains("6"), "\(select) \(answer.text)")
            }
            for select in ["id,orders(id)&orders.limit=3", "id", "id,orders(count())"] {
                let answer = try await Self.export(api, "customers/export?select=\(select)&order=id", token: token, accept: accept)
                #expect(answer.status == .ok, "\(select) \(answer.text)")
            }
        }
    }

    @Test("A row with more related data than an answer holds is refused; each below it may be as large") func largeRows() async throws {
        try await ResourceAPIHarness.with(prepare: Self.manyOrders) { api in
            let token = try api.token(api.acme)
            for (query, isRefused) in [
                ("select=id,orders(notes)&order=id", true), ("select=id,orders(notes)&order=id&orders.limit=2", false),
                ("select=id,...orders(notes)&order=id&limit=1", true), ("select=id,orders(id)&order=id", false),
            ] {
                let answer = try await Self.export(api, "customers/export?\(query)", token: token)
                #expect((answer.status == .badRequest) == isRefused, "\(query)")
                #expect(answer.text.contains("54000") == isRefused, "\(query)")
            }
            // Lists within lists are refused while they are gathered, in reads as well.
            for (query, isRefused) in [
                ("select=id,customers(orders(notes))&notes=like.x*", true), ("select=id,customers(orders(id))&notes=like.x*", false),
            ] {
                let answer = try await api.send(.get, "orders?\(query)", token: token)
                #expect((answer.status == .badRequest) == isRefused && (answer.code == "54000") == isRefused, "\(query)")
            }
        }
    }

    @Test("As lines of JSON, with related rows") func jsonLines() async throws {
        try await ResourceAPIHarness.with { api in
            let answer = try await Self.export(
                api, "customers/export?select=name,orders(status)&order=name&limit=3", token: api.token(api.acme),
                accept: "application/x-ndjson")
            #expect(answer.headers[.contentType] == "application/x-ndjson; charset=utf-8")
            let rows = try answer.text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)).objectValue }
            #expect(rows.count == 3)
            for row in rows { #expect(row?["name"]?.stringValue != nil && row?["orders"]?.arrayValue != nil) }
        }
    }

    @Test(
        "What is wrong is answered as an error",
        arguments: [
            ("customers/export", "orders:read", nil, 403), ("customers/export?select=name,orders(id)", "customers:read", nil, 403),
            ("nowhere/export", "*:*", nil, 404), ("customers/export?select=nothing", "*:*", nil, 400),
            ("customers/export?id=eq.nonsense", "*:*", nil, 400), ("customers/export?after=", "*:*", nil, 400),
            ("customers/export", "*:*", "application/json", 406),
        ] as [(String, String, String?, Int)])
    func refusals(_ path: String, _ scope: String, _ accept: String?, _ status: Int) async throws {
        try await ResourceAPIHarness.with { api in
            let answer = try await Self.export(api, path, token: api.token(api.acme, scope: scope), accept: accept)
            #expect(answer.status.code == status)
            let error = try JSONValue(parsing: Array(answer.text.utf8)).objectValue
            #expect(error?["code"]?.stringValue != nil && !answer.text.contains("tenant_id"))
        }
    }
}
