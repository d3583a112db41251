import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import NIOCore
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Tables over HTTP, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct TableEndpointTests {
    private static let representation: HTTPFields = [.prefer: "return=representation"]

    @Test("No verb reaches another tenant's row, by id or by filter") func isolation() async throws {
        try await ResourceAPIHarness.with { api in
            let (acme, globex) = (try api.token(api.acme), try api.token(api.globex))
            let theirs = try await api.send(.get, "customers?select=id&order=id", token: globex).rows.compactMap { $0["id"]?.stringValue }
            let mine = try await api.send(.get, "customers?select=id&order=id", token: acme).rows.compactMap { $0["id"]?.stringValue }
            #expect(theirs.count == 24 && mine.count == 24 && Set(theirs).isDisjoint(with: mine))
            let id = theirs[0]

            #expect(try await api.send(.get, "customers?id=eq.\(id)", token: acme).rows.isEmpty)
            for (method, body) in [(HTTPRequest.Method.patch, #"{"name":"taken"}"#), (.delete, nil)] {
                let byID = try await api.send(method, "customers?id=eq.\(id)", token: acme, body: body, headers: Self.representation)
                #expect(byID.rows.isEmpty, "\(method)")
                let byOther = try await api.send(method, "customers?id=in.(\(theirs.joined(separator: ",")))", token: acme, body: body)
                #expect(byOther.headers[.contentRange]?.hasPrefix("*/") == true, "\(method)")
            }
            let counted = try await api.send(.head, "customers", token: acme, headers: [.prefer: "count=exact"])
            #expect(counted.headers[.contentRange] == "0-23/24")

            for body in [
                #"{"name":"x","tenant_id":"\#(TestDatabase.globex.uuidString)"}"#,
                #"{"name":"x","tenant_id":"\#(TestDatabase.acme.uuidString)"}"#,
            ] {
                let insert = try await api.send(.post, "customers", token: acme, body: body)
                #expect(insert.status == .badRequest && insert.code == "PGRST204")
                let update = try await api.send(.patch, "customers?id=eq.\(mine[0])", token: acme, body: body)
                #expect(update.status == .badRequest && update.code == "PGRST204")
            }
            for query in ["tenant_id=eq.\(TestDatabase.globex.uuidString)", "select=tenant_id", "order=tenant_id"] {
                #expect(try await api.send(.get, "customers?\(query)", token: acme).status == .badRequest, "\(query)")
            }
            let order = try await api.send(.post, "orders", token: acme, body: #"{"customer_id":"\#(id)"}"#)
            let nowhere = try await api.send(.post, "orders", token: acme, body: #"{"customer_id":"\#(UUID().uuidString)"}"#)
            #expect(order.status == .conflict && order.json == nowhere.json)

            let after = try await api.send(.get, "customers?order=id", token: globex)
            #expect(after.rows.count == 24)
            #expect(!after.rows.contains { $0["name"]?.stringValue == "taken" })
        }
    }

    @Test("Create, read, change and delete one's own row") func lifecycle() async throws {
        try await ResourceAPIHarness.with { api in
            for tenant in [api.acme, api.globex] {
                let token = try api.token(tenant)
                let created = try await api.send(
                    .post, "customers", token: token, body: #"{"name":"Zoë \"Z\"","email":null}"#, headers: Self.representation
                )
                #expect(created.status == .created)
                let id = try #require(created.rows.first?["id"]?.stringValue)
                #expect(created.rows.first?["tenant_id"] == nil)
                let read = try await api.send(.get, "customers?id=eq.\(id)&select=name,email", token: token)
                #expect(read.rows == [JSONObject([("name", .string("Zoë \"Z\"")), ("email", .null)])])
                let changed = try await api.send(.patch, "customers?id=eq.\(id)", token: token, body: #"{"phone":"1"}"#)
                #expect(changed.status == .noContent)
                let deleted = try await api.send(.delete, "customers?id=eq.\(id)", token: token, headers: Self.representation)
                #expect(deleted.rows.first?["phone"]?.stringValue == "1")
                #expect(try await api.send(.get, "customers?id=eq.\(id)", token: token).rows.isEmpty)
            }
        }
    }

    @Test("An answer that is too large to be held is refused before it is sent") func tooLarge() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let notes = String(repeating: "x", count: 900_000)
            let customer = try #require(
                try await api.send(.get, "customers?select=id&limit=1", token: token).rows.first?["id"]?.stringValue)
            for _ in 0..<19 {
                let body = #"{"customer_id":"\#(customer)","notes":"\#(notes)"}"#
                #expect(try await api.send(.post, "orders", token: token, body: body).status == .created)
            }
            let query = "orders?status=eq.new&notes=like.xxx*&select=notes"
            let large = try await api.send(.get, query, token: token)
            #expect(large.status == .badRequest && large.code == "54000")
            #expect(try await api.send(.get, query + "&limit=18", token: token).rows.count == 18)
            let aliases = (0..<5).map { "a\($0):notes" }.joined(separator: ",")
            #expect(try await api.send(.get, "orders?select=\(aliases)&limit=1", token: token).status == .badRequest)
        }
    }

    @Test("A right to write or delete is no right to read") func representationNeedsRead() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme, scope: "customers:write customers:delete")
            for (method, path, body) in [
                (.post, "customers", #"{"name":"x"}"#), (.patch, "customers?name=eq.x", #"{"phone":"1"}"#),
                (.delete, "customers?name=eq.x", nil),
            ] as [(HTTPRequest.Method, String, String?)] {
                let answer = try await api.send(method, path, token: token, body: body, headers: Self.representation)
                #expect(answer.status == .forbidden, "\(method)")
                #expect(answer.headers[.wwwAuthenticate]?.contains("scope=\"customers:read\"") == true)
                #expect(try await api.send(method, path, token: token, body: body).status.kind == .successful, "\(method)")
            }
        }
    }

    @Test("Where a new row is, is said as a path of the API") func location() async throws {
        try await ResourceAPIHarness.with { api in
            let answer = try await api.send(
                .post, "customers", token: api.token(api.acme), body: #"{"name":"x"}"#, headers: [.prefer: "return=headers-only"]
            )
            #expect(answer.headers[.location]?.hasPrefix("/api/v1/customers?id=eq.") == true)
        }
    }

    @Test("What the client does wrong is a 4xx in PostgREST's shape") func errors() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let cases: [(HTTPRequest.Method, String, String?, Int, String)] = [
                (.get, "nosuch", nil, 404, "PGRST205"), (.get, "customers%00", nil, 400, "PGRST125"),
                (.get, "cust%ffomers", nil, 400, "PGRST125"),
                (.get, "pg_class", nil, 404, "PGRST205"), (.get, "customers?nosuch=eq.1", nil, 400, "42703"),
                (.get, "customers?select=nosuch", nil, 400, "42703"), (.get, "customers?id=eq.not-a-uuid", nil, 400, "22P02"),
                (.get, "customers?id=magic.1", nil, 400, "PGRST100"), (.get, "customers?limit=-1", nil, 400, "PGRST100"),
                (.get, "customers?order=name.sideways", nil, 400, "PGRST100"), (.get, "customers?id=eq.%00", nil, 400, "PGRST100"),
                (.post, "customers", "{", 400, "PGRST102"), (.post, "customers", "[1]", 400, "PGRST102"),
                (.post, "customers", "", 400, "PGRST102"),
                (.post, "customers", #"{"nosuch":1}"#, 400, "PGRST204"), (.post, "customers", #"{"name":""}"#, 400, "23514"),
                (.post, "customers", #"{"email":"x"}"#, 400, "23502"), (.post, "customers", #"{"name":"a\u0000b"}"#, 400, "22P05"),
                (.post, "order_items", #"{"quantity":"many"}"#, 400, "22P02"), (.post, "currencies", #"{"code":"XXX"}"#, 403, "42501"),
                (.patch, "customers", #"{"name":"x"}"#, 400, "21000"), (.delete, "customers", nil, 400, "21000"),
            ]
            for (method, path, body, status, code) in cases {
                let answer = try await api.send(method, path, token: token, body: body)
                #expect(answer.status.code == status, "\(method) \(path) \(body ?? "")")
                #expect(answer.code == code, "\(method) \(path) \(body ?? "")")
            }
            let large = #"{"name":"\#(String(repeating: "x", count: 1_100_000))"}"#
            #expect(try await api.send(.post, "customers", token: token, body: large).status == .contentTooLarge)
            let csv = try await api.send(.post, "customers", token: token, body: "name\nx", headers: [.contentType: "text/csv"])
            #expect(csv.status == .unsupportedMediaType)
            let put = try await api.send(.put, "customers", token: token, body: "{}")
            #expect(put.status == .methodNotAllowed)
            #expect(put.headers[.allow] == "DELETE, GET, HEAD, PATCH, POST")
            #expect(put.code == "PGRST117")
        }
    }

    @Test("Metadata of the protected resource, RFC 9728, in each place where clients look") func metadata() async throws {
        try await ResourceAPIHarness.with { api in
            for (path, server) in [
                ("", ""), ("/api/v1", ""), ("/t/acme", "/t/acme"), ("/t/acme/api/v1", "/t/acme"),
            ] {
                try await api.client.execute(uri: "/.well-known/oauth-protected-resource\(path)", method: .get) { response in
                    let json = try #require(try JSONValue(parsing: Array(response.body.readableBytesView)).objectValue)
                    #expect(json["resource"]?.stringValue == ResourceAPIHarness.audience)
                    #expect(json["authorization_servers"] == .array([.string(ResourceAPIHarness.baseURL + server)]))
                }
            }
        }
    }
}
