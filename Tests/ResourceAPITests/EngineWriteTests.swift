import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex

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

    @Test("bounds what is given back, never what is written") func bounds() async throws {
        try await TestAPI.with { api async throws in
            let two = #"[{"name":"P"},{"name":"Q"}]"#
            let made = try await api.send(
                acme, .insert, "customers", "select=name&order=name.desc&limit=1", prefer: "return=representation", body: two)
            #expect(made.status == 201 && made.text == #"[{"name":"Q"}]"#)
            #expect(try await api.send(acme, .read, "customers", "name=in.(P,Q)").rows.count == 2)
            let changed = try await api.send(
                acme, .update, "customers", "name=in.(P,Q)&select=name&limit=1&offset=1&order=name", prefer: "return=representation",
                body: #"{"phone":"1"}"#)
            #expect(changed.text == #"[{"name":"Q"}]"#)
            for (verb, query) in [(Verb.update, "name=eq.P&limit=1"), (.delete, "name=eq.P&offset=1"), (.delete, "limit=1")] {
                let refused = try await api.send(acme, verb, "customers", query, body: #"{"phone":"2"}"#)
                #expect(refused.status == 400 && refused.code == "PGRST100", "\(verb) \(query)")
            }
            let put = try await api.send(acme, .put, "customers", "id=eq.\(nobody)&limit=1", body: #"{"id":"\#(nobody)","name":"x"}"#)
            #expect(put.status == 400 && put.code == "PGRST114")
            #expect(try await api.send(acme, .read, "customers", "phone=eq.1").rows.count == 2)
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
