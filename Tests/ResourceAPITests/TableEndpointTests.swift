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
            for type in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/octet-stream"] {
                let typed = try await api.send(.post, "customers", token: token, body: "name\nx", headers: [.contentType: type])
                #expect(typed.status == .unsupportedMediaType && typed.code == "PGRST102", "\(type)")
            }
            let put = try await api.send(.put, "customers", token: token, body: "{}")
            #expect(put.status == .methodNotAllowed && put.code == "PGRST105")
            #expect(put.headers[.allow] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE")
            let odd = try await api.send(.trace, "customers", token: token)
            #expect(odd.status == .methodNotAllowed && odd.code == "PGRST117")
            #expect(odd.headers[.allow] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
        }
    }

    @Test("Every refusal names its code for proxies") func proxyStatus() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            for (path, code) in [("nosuch", "PGRST205"), ("customers?id=eq.x", "22P02"), ("customers?id=xx.1", "PGRST100")] {
                let answer = try await api.send(.get, path, token: token)
                #expect(answer.headers[try #require(HTTPField.Name("Proxy-Status"))] == "resource-api; error=\(code)")
            }
        }
    }

    @Test("OPTIONS tells what this token may do to the table") func options() async throws {
        try await ResourceAPIHarness.with { api in
            for (scope, table, allow) in [
                ("*:*", "customers", "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"), ("*:*", "currencies", "OPTIONS,GET,HEAD"),
                ("customers:read", "customers", "OPTIONS,GET,HEAD"), ("customers:write", "customers", "OPTIONS,POST,PUT,PATCH"),
                ("*:delete", "customers", "OPTIONS,DELETE"), ("orders:*", "customers", "OPTIONS"),
            ] {
                let answer = try await api.send(.options, table, token: api.token(api.acme, scope: scope))
                #expect(answer.status == .ok && answer.headers[.allow] == allow, "\(scope) \(table)")
            }
            #expect(try await api.send(.options, "nosuch", token: api.token(api.acme)).status == .notFound)
            #expect(try await api.send(.options, "customers", token: nil).status == .unauthorized)
        }
    }

    @Test("CSV and forms go in, CSV comes out, of one's own rows") func csv() async throws {
        try await ResourceAPIHarness.with { api in
            let query = "customers?name=like.CSV*&select=name,email,phone&order=name"
            for tenant in [api.acme, api.globex] {
                let token = try api.token(tenant)
                let made = try await api.send(
                    .post, "customers", token: token, body: "name,email,phone\nCSV 1,NULL,\"1, \"\"2\"\"\"\nCSV 2,\(tenant)@x,\"NULL\"\n",
                    headers: [.contentType: "text/csv"])
                #expect(made.status == .created)
                let text = try await api.text(.get, query, token: token, headers: [.accept: "text/csv"])
                #expect(text.body == "name,email,phone\nCSV 1,,\"1, \"\"2\"\"\"\nCSV 2,\(tenant)@x,NULL")
                #expect(text.headers[.contentType] == "text/csv; charset=utf-8")
                let none = try await api.text(.get, "customers?name=eq.nobody&select=name", token: token, headers: [.accept: "text/csv"])
                #expect(none.body == "name")
            }
            let token = try api.token(api.acme)
            let form = try await api.send(
                .post, "customers?select=name", token: token, body: "name=F%26+G",
                headers: [.contentType: "application/x-www-form-urlencoded", .prefer: "return=representation"])
            #expect(form.rows.first?["name"]?.stringValue == "F& G")
        }
    }

    @Test("The media type decides the form of the answer, and what is not made here is 406") func mediaTypes() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let made = try await api.send(.post, "customers", token: token, body: #"{"name":"Zed"}"#)
            #expect(made.status == .created)
            for (accept, type, body) in [
                ("*/*", "application/json; charset=utf-8", #"[{"name":"Zed","email":null}]"#),
                ("application/vnd.pgrst.object+json", "application/vnd.pgrst.object+json; charset=utf-8", #"{"name":"Zed","email":null}"#),
                (
                    "application/vnd.pgrst.object+json;nulls=stripped",
                    "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8", #"{"name":"Zed"}"#
                ),
                (
                    "application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8",
                    #"[{"name":"Zed"}]"#
                ),
                ("text/csv;q=0.5, application/json;q=0.4", "text/csv; charset=utf-8", "name,email\nZed,"),
            ] {
                let text = try await api.text(.get, "customers?name=eq.Zed&select=name,email", token: token, headers: [.accept: accept])
                #expect(text.body == body && text.headers[.contentType] == type, "\(accept)")
                #expect(text.headers[.vary] == "Accept, Accept-Profile, Prefer, Range")
            }
            for accept in ["application/geo+json", "image/png", "application/vnd.pgrst.plan+json"] {
                let refused = try await api.send(.get, "customers", token: token, headers: [.accept: accept])
                #expect(refused.status == .notAcceptable && refused.code == "PGRST107", "\(accept)")
            }
        }
    }

    @Test("A range of rows is a limit and an offset; of bytes it means nothing here") func ranges() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let count: HTTPFields = [.prefer: "count=exact"]
            for (range, unit, contentRange, status) in [
                ("0-4", nil, "0-4/24", 206), ("items=20-", nil, "20-23/24", 206), ("5-9", "items", "5-9/24", 206),
                ("0-99", nil, "0-23/24", 200),
                ("bytes=0-4", nil, "0-23/24", 200), ("0-4", "bytes", "0-23/24", 200), ("x", nil, "0-23/24", 200),
            ] as [(String, String?, String, Int)] {
                var headers = count
                headers[.range] = range
                headers[.rangeUnit] = unit
                let answer = try await api.send(.get, "customers", token: token, headers: headers)
                #expect(answer.headers[.contentRange] == contentRange && answer.status.code == status, "\(range)")
            }
            var headers = count
            for range in ["30-40", "4-2"] {
                headers[.range] = range
                let answer = try await api.send(.get, "customers", token: token, headers: headers)
                #expect(answer.status.code == 416 && answer.code == "PGRST103", "\(range)")
            }
        }
    }

    @Test("A schema that is not exposed is refused, with those that are") func profiles() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            #expect(try await api.send(.get, "customers?limit=1", token: token, headers: [.acceptProfile: "api"]).status == .ok)
            for (method, header) in [
                (HTTPRequest.Method.get, HTTPField.Name.acceptProfile), (.post, .contentProfile), (.delete, .contentProfile),
            ] {
                for schema in ["auth", "sallyport", "pg_catalog", "API", ""] {
                    let answer = try await api.send(method, "customers", token: token, body: "{}", headers: [header: schema])
                    #expect(answer.status == .notAcceptable && answer.code == "PGRST106", "\(method) \(schema)")
                    #expect(answer.json.objectValue?["hint"]?.stringValue == "Only the following schemas are exposed: api")
                }
            }
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
