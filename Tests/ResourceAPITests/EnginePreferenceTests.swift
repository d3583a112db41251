import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex
private let object = "application/vnd.pgrst.object+json"

@Suite("Preferences through the engine", .enabled(if: TestDatabase.isConfigured)) struct EnginePreferenceTests {
    @Test("Of one object exactly one row is read; a write that is not exactly one is undone") func singular() async throws {
        try await TestAPI.with { api async throws in
            let before = (try await api.everything(acme), try await api.everything(globex))
            let id = try await api.id(acme, "customers")
            let one = try await api.send(acme, .read, "customers", "id=eq.\(id)&select=id", accept: object)
            #expect(one.status == 200 && one.text == #"{"id":"\#(id)"}"#)
            #expect(one.headers["Content-Type"] == "application/vnd.pgrst.object+json; charset=utf-8")
            let name = #"{"name":"x"}"#
            let theirs = try await api.id(globex, "customers")
            for (verb, query, prefer, body, count) in [
                (Verb.read, "", "", nil, 24), (.read, "id=eq.\(nobody)", "", nil, 0), (.read, "id=eq.\(theirs)", "", nil, 0),
                (.head, "limit=2", "", nil, 2),
                (.insert, "", "return=representation", "[\(name),\(name)]", 2), (.insert, "", "", "[\(name),\(name)]", 2),
                (.insert, "", "return=headers-only", "[\(name),\(name)]", 2), (.insert, "", "return=representation", "[]", 0),
                (.update, "name=neq.x", "return=representation", name, 24), (.update, "name=neq.x", "", name, 24),
                (.update, "id=eq.\(nobody)", "", name, 0), (.update, "id=eq.\(theirs)", "return=minimal", name, 0),
                (.delete, "name=neq.x", "return=representation", nil, 0),
            ] as [(Verb, String, String, String?, Int)] {
                let table = verb == .delete ? "order_items" : "customers"
                let query = verb == .delete ? "quantity=lt.0" : query
                let answer = try await api.send(acme, verb, table, query, prefer: prefer, accept: object, body: body)
                #expect(answer.status == 406 && answer.code == "PGRST116", "\(verb) \(query) \(prefer)")
                #expect(answer.error?.message == "Cannot coerce the result to a single JSON object")
                #expect(answer.error?.details == "The result contains \(count) rows", "\(verb) \(query)")
            }
            let many = try await api.send(acme, .delete, "order_items", "quantity=gt.0", accept: object)
            #expect(many.status == 406)
            #expect(try await api.everything(acme) == before.0)
            #expect(try await api.everything(globex) == before.1)
            let made = try await api.send(
                acme, .insert, "customers", "select=name", prefer: "return=representation", accept: object, body: name)
            #expect(made.status == 201 && made.text == name)
        }
    }

    @Test("A write may not affect more rows than it allows, and then affects none") func maximumAffected() async throws {
        try await TestAPI.with { api async throws in
            let before = try await api.everything(acme)
            let strict = "handling=strict,max-affected="
            for (verb, prefer) in [
                (Verb.update, strict + "41"), (.update, "return=representation," + strict + "41"), (.delete, strict + "0"),
                (.delete, strict + "41,return=representation"),
            ] {
                let table = verb == .delete ? "order_items" : "orders"
                let query = verb == .delete ? "quantity=gt.0" : "total=gte.0"
                let answer = try await api.send(acme, verb, table, query, prefer: prefer, body: verb == .update ? #"{"notes":"n"}"# : nil)
                #expect(answer.status == 400 && answer.code == "PGRST124", "\(verb) \(prefer) \(answer.text)")
                #expect(answer.error?.details?.hasPrefix("The query affects ") == true)
            }
            #expect(try await api.everything(acme) == before)
            let exactly = try await api.send(acme, .update, "orders", "total=gte.0", prefer: strict + "42", body: #"{"notes":"n"}"#)
            #expect(exactly.status == 204)
            #expect(exactly.headers["Preference-Applied"] == "handling=strict, max-affected=42")
            let lenient = try await api.send(acme, .update, "orders", "total=gte.0", prefer: "max-affected=1", body: #"{"notes":"o"}"#)
            #expect(lenient.status == 204 && lenient.headers["Preference-Applied"] == nil)
        }
    }

    @Test("Columns that a row leaves out get their default where that is asked for, else null") func missing() async throws {
        try await TestAPI.with(setup: WriteTables.setup) { api async throws in
            let body =
                #"[{"sku":"a","note":null},{"sku":"b","amount":4,"price":"1.239","extra":{ "k" : [1, null] }},{"sku":"c","place":"p"}]"#
            let query = "columns=sku,place,amount,price,note,extra&select=sku,place,amount,price,note,extra"
            let filled = try await api.send(
                acme, .insert, "stock", query, prefer: "missing=default,return=representation", body: body)
            #expect(filled.status == 201, "\(filled.text)")
            #expect(filled.headers["Preference-Applied"] == "missing=default, return=representation")
            #expect(
                filled.compact
                    == #"[{"sku":"a","place":"main","amount":1,"price":0.00,"note":null,"extra":null},"#
                    + #"{"sku":"b","place":"main","amount":4,"price":1.24,"note":"none","extra":{ "k" : [1, null] }},"#
                    + #"{"sku":"c","place":"p","amount":1,"price":0.00,"note":"none","extra":null}]"#)
            let null = try await api.send(globex, .insert, "stock", query, prefer: "missing=null", body: body)
            #expect(null.status == 400 && null.code == "23502")
            let object = try await api.send(
                globex, .insert, "journal", "columns=id,entry", prefer: "missing=default,return=representation", body: #"{"entry":"e"}"#)
            #expect(object.status == 201 && object.rows.first?["id"]?.intValue == 1, "\(object.text)")
            let merged = try await api.send(
                acme, .insert, "stock", "columns=sku,place,note", prefer: "missing=default,resolution=merge-duplicates",
                body: #"[{"sku":"a"},{"sku":"d"}]"#)
            #expect(merged.status == 201)
            let updated = try await api.send(
                acme, .update, "stock", "sku=eq.b&columns=amount,note&select=amount,note", prefer: "missing=default,return=representation",
                body: #"{"note":"set"}"#)
            #expect(updated.text == #"[{"amount":1,"note":"set"}]"#)
            let notes = try await api.send(acme, .read, "stock", "select=note&order=sku").compact
            #expect(notes == #"[{"note":"none"},{"note":"set"},{"note":"none"},{"note":"none"}]"#)
        }
    }

    @Test("What is to be rolled back is told and not kept, where that is allowed") func rollback() async throws {
        for isAllowed in [true, false] {
            try await TestAPI.with(allowsRollback: isAllowed) { api async throws in
                let answer = try await api.send(
                    acme, .insert, "customers", "select=name", prefer: "tx=rollback,return=representation", body: #"{"name":"Ghost"}"#)
                #expect(answer.status == 201 && answer.text == #"[{"name":"Ghost"}]"#)
                #expect(
                    answer.headers["Preference-Applied"] == (isAllowed ? "return=representation, tx=rollback" : "return=representation"))
                let kept = try await api.send(acme, .read, "customers", "name=eq.Ghost").rows.count
                #expect(kept == (isAllowed ? 0 : 1))
                let refused = try await api.send(acme, .insert, "customers", prefer: "tx=rollback", body: #"{"name":""}"#)
                #expect(refused.code == "23514")
                let strict = try await api.send(
                    acme, .insert, "customers", prefer: "handling=strict,tx=rollback", body: #"{"name":"Ghost 2"}"#)
                #expect(strict.code == (isAllowed ? nil : "PGRST122"))
                #expect(try await api.send(acme, .read, "customers", "name=eq.Ghost 2").rows.isEmpty)
                #expect(try await api.send(globex, .head, "customers", prefer: "count=exact").range == "0-23/24")
            }
        }
    }

    @Test("Times are told in the time zone that is asked for, for that request only") func timeZones() async throws {
        try await TestAPI.with(setup: WriteTables.setup) { api async throws in
            _ = try await api.send(acme, .insert, "stock", body: #"{"sku":"a"}"#)
            func at(_ prefer: String) async throws -> TestAPI.Answer {
                try await api.send(acme, .read, "stock", "select=at", prefer: prefer)
            }
            let plain = try await at("")
            let tokyo = try await at("timezone=Asia/Tokyo")
            #expect(tokyo.text == #"[{"at":"2026-01-01T21:00:00+09:00"}]"#)
            #expect(tokyo.headers["Preference-Applied"] == "timezone=Asia/Tokyo")
            #expect(try await at("timezone=America/Lima").text == #"[{"at":"2026-01-01T07:00:00-05:00"}]"#)
            for unknown in ["timezone=Mars/Base", "timezone=asia/tokyo'", "timezone="] {
                let answer = try await at(unknown)
                #expect(answer.text == plain.text && answer.headers["Preference-Applied"] == nil, "\(unknown)")
            }
            let strict = try await at("handling=strict,timezone=Mars/Base")
            #expect(strict.status == 400 && strict.code == "PGRST122")
            #expect(strict.error?.details == "Invalid preferences: timezone=Mars/Base")
            #expect(try await at("").text == plain.text)
        }
    }

    @Test("HEAD tells where the next page begins, as GET does, and has no body") func headOfPages() async throws {
        try await TestAPI.with(maximumRows: 30) { api async throws in
            var pages = 0
            var cursor: String? = ""
            while let after = cursor {
                let query = "after=\(after)&limit=9&order=name.desc"
                let page = try await api.send(acme, .read, "customers", query)
                let head = try await api.send(acme, .head, "customers", query)
                #expect(
                    head.headers["Next-Cursor"] == page.headers["Next-Cursor"] && head.range == page.range && head.status == page.status)
                #expect(head.text.isEmpty)
                (cursor, pages) = (page.headers["Next-Cursor"], pages + 1)
            }
            #expect(pages == 4)
            #expect(try await api.send(acme, .head, "customers", "limit=9").headers["Next-Cursor"] == nil)
        }
    }

    @Test("A total is counted, whatever way is asked for", arguments: ["exact", "planned", "estimated"])
    func counts(way: String) async throws {
        try await TestAPI.with(maximumRows: 30) { api async throws in
            let count = "count=\(way)"
            let page = try await api.send(acme, .read, "orders", "limit=5", prefer: count)
            #expect(page.headers["Preference-Applied"] == count)
            #expect(page.range == "0-4/42" && page.status == 206)
            #expect(try await api.send(acme, .read, "orders", prefer: count).range == "0-29/42")
            #expect(try await api.send(acme, .read, "customers", "limit=2", prefer: count).range == "0-1/24")
            #expect(try await api.send(acme, .head, "customers", "limit=2", prefer: count).range == "0-1/24")
            #expect(try await api.send(acme, .read, "customers", prefer: count).status == 200)
            #expect(try await api.send(acme, .read, "customers", "after=&limit=2&order=id", prefer: count).range == "0-1/24")
            let filtered = try await api.send(acme, .read, "customers", "name=eq.nobody has this&offset=0", prefer: count)
            #expect(filtered.range == "*/0")
            let beyond = try await api.send(acme, .read, "customers", "offset=25", prefer: count)
            #expect(beyond.status == 416 && beyond.code == "PGRST103")
        }
    }

    /// What the planner expects comes from statistics of all tenants' rows: here those of a tenant a hundred times as large.
    @Test("A total beyond the ceiling says so many at least, and nothing of other tenants' rows", arguments: ["planned", "estimated"])
    func ceiling(way: String) async throws {
        func table(_ name: String) -> [SQL] {
            [
                "CREATE TABLE api.\(identifier: name) (id int PRIMARY KEY, even bool)",
                "SELECT sallyport.enable_tenancy('api.\(unescaped: name)')",
            ]
        }
        func fill(_ name: String, _ tenant: UUID, _ rows: Int) -> [SQL] {
            [
                "SELECT set_config('sallyport.tenant_id', \(tenant.uuidString.lowercased()), false)",
                "INSERT INTO api.\(identifier: name) SELECT g, g % 2 = 0 FROM generate_series(1, \(rows)) AS g",
            ]
        }
        let ceiling = OperationMaker.countCeiling
        let setup =
            table("few") + fill("few", acme, 3) + fill("few", globex, 3000) + table("full") + fill("full", acme, ceiling)
            + table("over") + fill("over", acme, ceiling + 50) + ["ANALYZE"]
        try await TestAPI.with(setup: setup, maximumRows: 20) { api async throws in
            let count = "count=\(way)"
            func range(_ table: String, _ query: String) async throws -> String? {
                try await api.send(acme, .read, table, query, prefer: count).range
            }
            #expect(try await range("few", "limit=2") == "0-1/3")
            #expect(try await range("few", "even=is.true&limit=0") == "*/1")
            #expect(try await range("full", "limit=2") == "0-1/\(ceiling)")
            #expect(try await range("over", "limit=2") == "0-1/\(ceiling + 1)")
            #expect(try await range("over", "limit=2&even=is.true") == "0-1/\((ceiling + 50) / 2)")
            #expect(try await api.send(acme, .head, "over", "limit=2", prefer: count).range == "0-1/\(ceiling + 1)")
            // It grows with the pages; the last one tells it.
            #expect(try await range("over", "order=id&offset=\(ceiling + 10)") == "\(ceiling + 10)-\(ceiling + 29)/\(ceiling + 30)")
            #expect(try await range("over", "order=id&offset=\(ceiling + 40)") == "\(ceiling + 40)-\(ceiling + 49)/\(ceiling + 50)")
            let last = try await api.send(acme, .read, "over", "offset=\(ceiling + 60)", prefer: count)
            #expect(last.status == 206 && last.range == "*/\(ceiling + 1)" && last.text == "[]")
            #expect(try await api.send(acme, .read, "full", "offset=\(ceiling + 1)", prefer: count).status == 416)
            let exact = try await api.send(acme, .read, "over", "limit=2", prefer: "count=exact")
            #expect(exact.range == "0-1/\(ceiling + 50)")
        }
    }

    @Test("Aggregates may be switched off") func aggregates() async throws {
        try await TestAPI.with { api async throws in
            for query in ["select=count()", "select=total.sum()", "select=customers(count())", "select=id,...customers(name.max())"] {
                #expect(try await api.send(acme, .read, "orders", query).status == 200, "\(query)")
                for rows in [nil, 5] {
                    let off = TestAPI(engine: ResourceEngine(catalog: api.engine.catalog, allowsAggregates: false), executor: api.executor)
                    var request = ResourceRequest(verb: .read, name: "orders", rawQuery: query[...])
                    request.maximumRows = rows
                    let refused = try await off.send(acme, request)
                    #expect(refused.status == 400 && refused.code == "PGRST123", "\(query)")
                }
            }
        }
    }
}
