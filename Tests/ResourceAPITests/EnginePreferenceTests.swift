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

    @Test("A total may be exact, planned, or exact as far as a page may reach") func counts() async throws {
        try await TestAPI.with(maximumRows: 30) { api async throws in
            let planned = try await api.send(acme, .read, "orders", "limit=5", prefer: "count=planned")
            #expect(planned.headers["Preference-Applied"] == "count=planned")
            let total = try #require(planned.range?.split(separator: "/").last.flatMap { Int($0) })
            #expect(planned.range == "0-4/\(total)" && total >= 5)
            #expect(planned.status == (total > 5 ? 206 : 200))
            #expect(try await api.send(acme, .read, "orders", prefer: "count=exact").range == "0-29/42")
            // Up to 30 it counts, and beyond it knows of 31 at least.
            let estimated = try await api.send(acme, .read, "orders", prefer: "count=estimated").range
            #expect(try #require(estimated?.split(separator: "/").last.flatMap { Int($0) }) >= 31)
            #expect(try await api.send(acme, .read, "customers", "limit=2", prefer: "count=estimated").range == "0-1/24")
            #expect(try await api.send(acme, .head, "customers", "limit=2", prefer: "count=estimated").range == "0-1/24")
            let filtered = try await api.send(
                acme, .read, "customers", "name=eq.nobody has this&offset=0", prefer: "count=estimated")
            #expect(filtered.range == "*/0")
            let beyond = try await api.send(acme, .read, "customers", "offset=25", prefer: "count=estimated")
            #expect(beyond.status == 416 && beyond.code == "PGRST103")
            #expect(try await api.send(acme, .read, "customers", "offset=25", prefer: "count=planned").status < 300)
        }
    }
}
