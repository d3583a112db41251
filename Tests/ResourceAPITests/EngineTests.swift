import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Both tenants' way through the whole engine, as the role that serves requests.
private struct TestAPI {
    let engine: ResourceEngine
    let executor: ResourceExecutor

    static func with<R: Sendable>(setup: [SQL] = [], _ body: (TestAPI) async throws -> R) async throws -> R {
        try await TestDatabase.with { database async throws in
            if !setup.isEmpty {
                try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(setup) }
            }
            return try await database.withPool(role: "sallyport_api") { postgres async throws in
                let catalog = try await CatalogStore(schemas: ["api"]).load(from: postgres)
                return try await body(
                    TestAPI(engine: ResourceEngine(catalog: catalog), executor: ResourceExecutor(postgres: postgres)))
            }
        }
    }

    struct Answer {
        var status: Int
        var range: String?
        var headers: [String: String] = [:]
        var text = ""
        var code: String?
        var error: APIError?

        var rows: [JSONObject] {
            (try? JSONValue(parsing: Array(text.utf8)))?.arrayValue?.compactMap(\.objectValue) ?? []
        }
    }

    func send(
        _ tenant: UUID?, _ verb: Verb, _ table: String, _ query: String = "", prefer: String = "", body: String? = nil
    ) async throws -> Answer {
        do {
            let prepared = try engine.prepare(
                ResourceRequest(
                    verb: verb, table: table, rawQuery: query[...], prefer: prefer.isEmpty ? [] : [prefer],
                    body: body.map { Array($0.utf8) }))
            let response = try await executor.run(prepared, settings: tenant.map(TransactionSettings.tenant) ?? .none)
            let headers = Dictionary(response.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
            let text = response.body.withUnsafeBytes { $0.map { String(decoding: $0, as: UTF8.self) } ?? "" }
            return Answer(status: response.status, range: headers["Content-Range"], headers: headers, text: text)
        } catch let error as APIError {
            let text = String(decoding: error.serialized(), as: UTF8.self)
            if body?.contains("tenant_id") != true {
                #expect(!text.contains("tenant_id") && !text.contains("sallyport") && !text.contains("SELECT"), "\(text)")
            }
            return Answer(status: error.status, text: text, code: error.code, error: error)
        }
    }

    /// The id of a tenant's first row.
    func id(_ tenant: UUID, _ table: String) async throws -> String {
        try #require(try await send(tenant, .read, table, "select=id&order=id&limit=1").rows.first?["id"]?.stringValue)
    }

    /// All of a tenant's rows, to see whether anything changed.
    func everything(_ tenant: UUID) async throws -> [String] {
        var all: [String] = []
        for table in ["customers", "orders", "order_items"] {
            all.append(try await send(tenant, .read, table, "order=id").text)
        }
        return all
    }
}

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex
private let nobody = "00000000-0000-4000-8000-000000000000"

@Suite("Reading through the engine", .enabled(if: TestDatabase.isConfigured)) struct ReadingTests {
    @Test("answers with the selected columns in order, filtered, sorted and bounded") func reading() async throws {
        try await TestAPI.with { api async throws in
            let page = try await api.send(acme, .read, "orders", "select=total,status,when:placed_at&order=placed_at.desc&limit=20")
            #expect(page.status == 200)
            #expect(page.range == "0-19/*")
            #expect(page.headers["Content-Type"] == "application/json; charset=utf-8")
            #expect(page.rows.count == 20)
            #expect(page.rows[0].members.map(\.name) == ["total", "status", "when"])
            let times = page.rows.compactMap { $0["when"]?.stringValue }
            #expect(times == times.sorted(by: >))
            let next = try await api.send(acme, .read, "orders", "order=placed_at.desc&limit=20&offset=40", prefer: "count=exact")
            #expect(next.range == "40-41/42")
            #expect(next.status == 206)
            #expect(next.headers["Preference-Applied"] == "count=exact")
            #expect(next.rows[0].members.map(\.name) == ["id", "customer_id", "status", "total", "notes", "placed_at"])
            #expect(try await api.send(acme, .read, "orders", "limit=150").rows.count == 42)
            #expect(try await api.send(acme, .read, "orders", "limit=333&offset=1").rows.count == 41)
            #expect(try await api.send(acme, .read, "orders", "limit=0").text == "[]")
            #expect(try await api.send(acme, .read, "orders", "select=&limit=2").rows.map(\.count) == [0, 0])
            let cast = try await api.send(acme, .read, "orders", "select=total::text,id&limit=1").rows
            #expect(cast.first?["total"]?.stringValue != nil)
        }
    }

    @Test("filters by every operator") func filters() async throws {
        try await TestAPI.with { api async throws in
            let all = try await api.send(acme, .read, "orders", "order=id").rows
            let totals = all.compactMap { $0["total"]?.doubleValue }
            let middle: Double = totals.sorted()[20]
            func matches(_ isMatch: (JSONObject) -> Bool) -> Int { all.count(where: isMatch) }
            func total(_ isMatch: @escaping (Double) -> Bool) -> Int { totals.count(where: isMatch) }
            func note(_ isMatch: (String?) -> Bool) -> Int { matches { isMatch($0["notes"]?.stringValue) } }
            let open: Set<String?> = ["new", "paid"]
            let cases: [(String, Int)] = [
                ("total=eq.\(middle)", total { $0 == middle }),
                ("total=neq.\(middle)", total { $0 != middle }),
                ("total=gt.\(middle)", total { $0 > middle }),
                ("total=gte.\(middle)", total { $0 >= middle }),
                ("total=lt.\(middle)", total { $0 < middle }),
                ("total=not.lte.\(middle)", total { $0 > middle }),
                ("notes=is.null", note { $0 == nil }),
                ("notes=not.is.null", note { $0 != nil }),
                ("notes=is.not_null", note { $0 != nil }),
                ("notes=not.is.not_null", note { $0 == nil }),
                ("notes=like.Leave*", note { $0?.hasPrefix("Leave") == true }),
                ("notes=ilike.leave*", note { $0?.hasPrefix("Leave") == true }),
                ("notes=like.leave*", 0),
                ("status=in.(new,paid)", matches { open.contains($0["status"]?.stringValue) }),
                ("status=not.in.(new,paid)", matches { !open.contains($0["status"]?.stringValue) }),
                ("status=in.()", 0),
                ("status=in.(\"new,paid\")", 0),
                ("status=eq.'%20OR%20true%20--", 0),
                ("total=gt.0&total=lt.0", 0),
            ]
            for (filter, expected) in cases {
                #expect(try await api.send(acme, .read, "orders", filter).rows.count == expected, "\(filter)")
            }
        }
    }

    @Test("refuses values that do not fit with 400") func badValues() async throws {
        try await TestAPI.with { api async throws in
            for (query, code) in [
                ("id=eq.1", "22P02"), ("id=in.(a)", "22P02"), ("total=eq.x", "22P02"), ("placed_at=gt.yesterdayish", "22007"),
                ("placed_at=gt.2026-13-01", "22008"), ("total=like.1", "42883"), ("status=is.true", "42804"),
                ("select=customer_id::int", "42846"), ("select=status::int", "22P02"), ("status=like.%5C", "22025"),
            ] {
                let answer = try await api.send(acme, .read, "orders", query)
                #expect(answer.status == 400, "\(query)")
                #expect(answer.code == code, "\(query)")
            }
            #expect(try await api.send(acme, .read, "order_items", "quantity=eq.99999999999").code == "22003")
        }
    }

    @Test("counts, and knows the end") func counting() async throws {
        try await TestAPI.with { api async throws in
            let count = try await api.send(acme, .head, "customers", "limit=10", prefer: "count=exact")
            #expect(count.status == 206)
            #expect(count.range == "0-9/24")
            #expect(count.text.isEmpty)
            #expect(try await api.send(acme, .read, "customers", "", prefer: "count=exact").range == "0-23/24")
            #expect(try await api.send(acme, .read, "customers", "id=eq.\(nobody)", prefer: "count=exact").range == "*/0")
            #expect(try await api.send(acme, .read, "customers", "id=eq.\(nobody)").range == "*/*")
            let beyond = try await api.send(acme, .read, "customers", "offset=25", prefer: "count=exact")
            #expect(beyond.status == 416)
            #expect(beyond.code == "PGRST103")
            #expect(try await api.send(acme, .read, "customers", "offset=25").text == "[]")
        }
    }

    @Test("sees rows of the tenant only, none without a tenant, and shared ones always") func isolation() async throws {
        try await TestAPI.with { api async throws in
            for table in ["customers", "orders", "order_items"] {
                let (mine, theirs) = (try await api.send(acme, .read, table).rows, try await api.send(globex, .read, table).rows)
                #expect(mine.count > 20 && theirs.count > 20)
                let (myIDs, theirIDs) = (mine.compactMap { $0["id"]?.stringValue }, theirs.compactMap { $0["id"]?.stringValue })
                #expect(Set(myIDs).intersection(theirIDs) == [])
                #expect(mine.allSatisfy { $0["tenant_id"] == nil })
                let id = try await api.id(globex, table)
                #expect(try await api.send(acme, .read, table, "id=eq.\(id)").text == "[]")
                #expect(try await api.send(acme, .read, table, "id=in.(\(id))", prefer: "count=exact").range == "*/0")
                #expect(try await api.send(acme, .read, table, "id=neq.\(nobody)").rows.count == mine.count)
                #expect(try await api.send(nil, .read, table).text == "[]")
            }
            #expect(try await api.send(acme, .read, "currencies").rows.count == 10)
            #expect(try await api.send(globex, .insert, "currencies", body: #"{"code":"XXX","name":"x"}"#).status == 403)
        }
    }
}

@Suite("Writing through the engine", .enabled(if: TestDatabase.isConfigured)) struct WritingTests {
    @Test("inserts an object, an array and a row of defaults") func inserting() async throws {
        try await TestAPI.with { api async throws in
            let one = try await api.send(
                acme, .insert, "customers", "select=name,phone", prefer: "return=representation", body: #"{"name":"Ann","email":"a@x"}"#)
            #expect(one.status == 201)
            #expect(one.text == #"[{"name":"Ann","phone":null}]"#)
            #expect(one.range == "*/*")
            #expect(one.headers["Preference-Applied"] == "return=representation")
            let minimal = try await api.send(
                acme, .insert, "customers", prefer: "count=exact", body: #"[{"name":"Bob"},{"name":"Cyd"}]"#)
            #expect(minimal.status == 201)
            #expect(minimal.text.isEmpty)
            #expect(minimal.range == "*/2")
            let located = try await api.send(acme, .insert, "customers", prefer: "return=headers-only", body: #"{"name":"Dan"}"#)
            let location = try #require(located.headers["Location"])
            #expect(location.hasPrefix("customers?id=eq."))
            let query = String(location.drop { $0 != "?" }.dropFirst())
            #expect(try await api.send(acme, .read, "customers", query).rows.first?["name"]?.stringValue == "Dan")
            let columns = try await api.send(
                acme, .insert, "customers", "columns=name&select=name,email", prefer: "return=representation",
                body: #"[{"name":"Eve","email":"e@x"},{"name":"Fay","x":1}]"#)
            #expect(columns.text.filter { !$0.isWhitespace } == #"[{"name":"Eve","email":null},{"name":"Fay","email":null}]"#)
            let none = try await api.send(acme, .insert, "customers", prefer: "return=representation", body: "[]")
            #expect(none.status == 201)
            #expect(none.text == "[]")
            #expect(try await api.send(acme, .insert, "customers", body: "{}").code == "23502")
            #expect(try await api.send(acme, .head, "customers", prefer: "count=exact").range == "0-29/30")
        }
    }

    @Test("updates and deletes what the filter finds") func changing() async throws {
        try await TestAPI.with { api async throws in
            let id = try await api.id(acme, "customers")
            let updated = try await api.send(
                acme, .update, "customers", "id=eq.\(id)&select=name,e:email", prefer: "return=representation",
                body: #"{"name":"Zoë","email":null}"#)
            #expect(updated.status == 200)
            #expect(updated.text == #"[{"name":"Zoë","e":null}]"#)
            #expect(updated.range == "0-0/*")
            let minimal = try await api.send(acme, .update, "customers", "id=eq.\(id)", prefer: "count=exact", body: #"{"phone":"1"}"#)
            #expect(minimal.status == 204)
            #expect(minimal.range == "0-0/1")
            #expect(try await api.send(acme, .update, "customers", "id=eq.\(id)", body: "{}").status == 204)
            let sorted = try await api.send(
                acme, .update, "orders", "total=gt.0&select=status&order=total.desc", prefer: "return=representation",
                body: #"{"notes":"n"}"#)
            #expect(sorted.rows.count == 42)
            let item = try await api.id(acme, "order_items")
            let deleted = try await api.send(acme, .delete, "order_items", "id=eq.\(item)&select=id", prefer: "return=representation")
            #expect(deleted.status == 200)
            #expect(deleted.text == "[{\"id\":\"\(item)\"}]")
            let again = try await api.send(acme, .delete, "order_items", "id=eq.\(item)", prefer: "count=exact")
            #expect(again.status == 204)
            #expect(again.range == "*/0")
        }
    }

    @Test("changes nothing of another tenant by any verb") func isolation() async throws {
        try await TestAPI.with { api async throws in
            let before = try await api.everything(globex)
            for table in ["customers", "orders", "order_items"] {
                let id = try await api.id(globex, table)
                let body = table == "order_items" ? #"{"quantity":1}"# : table == "orders" ? #"{"notes":"x"}"# : #"{"name":"x"}"#
                let update = try await api.send(
                    acme, .update, table, "id=eq.\(id)", prefer: "return=representation,count=exact", body: body)
                #expect(update.text == "[]")
                #expect(update.range == "*/0")
                #expect(try await api.send(acme, .delete, table, "id=eq.\(id)", prefer: "count=exact").range == "*/0")
                #expect(try await api.send(acme, .delete, table, "id=in.(\(id))", prefer: "return=representation").text == "[]")
                let foreign = #"{"tenant_id":"\#(globex.uuidString)","name":"x"}"#
                for verb in [Verb.insert, .update] {
                    let answer = try await api.send(acme, verb, table, verb == .update ? "id=eq.\(id)" : "", body: foreign)
                    #expect(answer.status == 400)
                }
                #expect(try await api.send(acme, .insert, table, "columns=tenant_id", body: foreign).status == 400)
            }
            #expect(try await api.send(nil, .insert, "customers", body: #"{"name":"x"}"#).status >= 400)
            #expect(try await api.everything(globex) == before)
        }
    }

    @Test("cannot tell another tenant's row from one that does not exist") func oracle() async throws {
        try await TestAPI.with { api async throws in
            let theirs = try await api.id(globex, "customers")
            let order = try await api.id(acme, "orders")
            func refusal(_ verb: Verb, _ customer: String) async throws -> APIError? {
                try await api.send(
                    acme, verb, "orders", verb == .update ? "id=eq.\(order)" : "", body: #"{"customer_id":"\#(customer)"}"#
                ).error
            }
            for verb in [Verb.insert, .update] {
                let (other, none) = (try await refusal(verb, theirs), try await refusal(verb, nobody))
                #expect(other?.status == 409)
                #expect(other?.details == "Key (customer_id) is not present in table \"customers\".")
                #expect(other == none)
            }
            let mine = try await api.send(
                acme, .insert, "customers", "select=id", prefer: "return=representation", body: #"{"id":"\#(theirs)","name":"x"}"#)
            #expect(mine.status == 201)
            #expect(try await api.send(acme, .delete, "customers", "id=eq.\(theirs)", prefer: "count=exact").range == "*/1")
            #expect(try await api.id(globex, "customers") == theirs)
        }
    }

    @Test("words what the database refuses without its internals") func refusals() async throws {
        try await TestAPI.with { api async throws in
            let id = try await api.id(acme, "customers")
            let customer = try #require(try await api.send(acme, .read, "orders", "limit=1").rows.first?["customer_id"]?.stringValue)
            for (verb, table, query, body, status, code, details) in [
                (Verb.insert, "customers", "", #"{"id":"\#(id)","name":"x"}"#, 409, "23505", "Key (id) already exists."),
                (.insert, "customers", "", #"{"name":null}"#, 400, "23502", nil),
                (.insert, "customers", "", #"{"name":" "}"#, 400, "23514", "Checked: (name)."),
                (.insert, "customers", "", #"{"id":"x","name":"x"}"#, 400, "22P02", nil),
                (.insert, "customers", "", #"{"name":"\u0000"}"#, 400, "22P05", "\\u0000 cannot be converted to text."),
                (.insert, "order_items", "", #"{"quantity":0}"#, 400, "23502", nil),
                (.insert, "order_items", "", #"{"quantity":"many"}"#, 400, "22P02", nil),
                (.insert, "orders", "", #"{"total":1e30}"#, 400, "22003", nil),
                (.delete, "customers", "id=eq.\(customer)", nil, 409, "23503", nil),
                (.update, "customers", "id=eq.\(customer)", #"{"id":"\#(nobody)"}"#, 409, "23503", nil),
                (.insert, "customers", "", #"{"nome":"x"}"#, 400, "PGRST204", nil),
                (.insert, "customers", "", #"{"name":{"a":[1]}}"#, 201, nil, nil),
            ] as [(Verb, String, String, String?, Int, String?, String?)] {
                let answer = try await api.send(acme, verb, table, query, body: body)
                #expect(answer.status == status, "\(body ?? query): \(answer.text)")
                #expect(answer.code == code, "\(body ?? query): \(answer.text)")
                if let details { #expect(answer.error?.details == details) }
            }
        }
    }
}
