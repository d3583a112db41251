import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex
private let merge = "resolution=merge-duplicates"

@Suite("Upserts through the engine, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct EngineUpsertTests {
    private static func with(_ body: (TestAPI) async throws -> Void) async throws {
        try await TestAPI.with(setup: WriteTables.setup) { api async throws in
            for tenant in [acme, globex] {
                let made = try await api.send(
                    tenant, .insert, "stock",
                    body: #"[{"sku":"a","place":"x","code":"A","amount":5},{"sku":"b","place":"x","code":"B","amount":6}]"#)
                #expect(made.status == 201)
            }
            let before = try await api.stock(globex)
            try await body(api)
            #expect(try await api.stock(globex) == before)
        }
    }

    @Test("Rows that are there are merged, others made, and 201 says that some were") func merging() async throws {
        try await Self.with { api async throws in
            let both = try await api.send(
                acme, .insert, "stock", "select=sku,place,amount,note&order=sku", prefer: "\(merge),return=representation,count=exact",
                body: #"[{"sku":"a","place":"x","amount":50},{"sku":"c","place":"x","amount":7}]"#)
            #expect(both.status == 201)
            #expect(
                both.compact == #"[{"sku":"a","place":"x","amount":50,"note":"none"},{"sku":"c","place":"x","amount":7,"note":"none"}]"#)
            #expect(both.headers["Preference-Applied"] == "resolution=merge-duplicates, return=representation, count=exact")
            #expect(both.range == "*/2")
            let merged = try await api.send(acme, .insert, "stock", prefer: merge, body: #"{"sku":"a","place":"x","note":"m"}"#)
            #expect(merged.status == 200)
            #expect(merged.text.isEmpty)
            #expect(try await api.stock(acme) == "ax50m bx6none cx7none")
        }
    }

    @Test("A row that is nothing but its key stays as it is and is given back") func keyOnly() async throws {
        try await Self.with { api async throws in
            let answer = try await api.send(
                acme, .insert, "stock", "select=sku,amount", prefer: "\(merge),return=representation",
                body: #"[{"sku":"a","place":"x"},{"sku":"n","place":"x"}]"#)
            #expect(answer.status == 201)
            #expect(answer.compact == #"[{"sku":"a","amount":5},{"sku":"n","amount":1}]"#)
        }
    }

    @Test("Duplicates that are ignored are not given back") func ignoring() async throws {
        try await Self.with { api async throws in
            let answer = try await api.send(
                acme, .insert, "stock", "select=sku", prefer: "resolution=ignore-duplicates,return=representation",
                body: #"[{"sku":"a","place":"x","amount":0},{"sku":"d","place":"x","amount":1}]"#)
            #expect(answer.status == 201)
            #expect(answer.text == #"[{"sku":"d"}]"#)
            #expect(try await api.stock(acme) == "ax5none bx6none dx1none")
            let none = try await api.send(
                acme, .insert, "stock", prefer: "resolution=ignore-duplicates", body: #"{"sku":"a","place":"x","amount":9}"#)
            #expect(none.status == 201)
            #expect(try await api.stock(acme) == "ax5none bx6none dx1none")
        }
    }

    @Test("Another unique key may decide, named without the tenant") func onConflict() async throws {
        try await Self.with { api async throws in
            let answer = try await api.send(
                acme, .insert, "stock", "on_conflict=code&select=sku,code,amount", prefer: "\(merge),return=representation",
                body: #"{"sku":"other","place":"y","code":"A","amount":8}"#)
            #expect(answer.status == 200)
            #expect(answer.text == #"[{"sku":"other","code":"A","amount":8}]"#)
            for (query, status, code) in [
                ("on_conflict=nosuch", 400, "42703"), ("on_conflict=tenant_id", 400, "42703"), ("on_conflict=amount", 400, "42P10"),
                ("on_conflict=sku", 400, "42P10"), ("on_conflict=tenant_id,code", 400, "42703"),
            ] {
                let refused = try await api.send(acme, .insert, "stock", query, prefer: merge, body: #"{"sku":"z","place":"z"}"#)
                #expect(refused.status == status && refused.code == code, "\(query): \(refused.text)")
            }
            // The key that decides is the only one that may be there already.
            let other = try await api.send(
                acme, .insert, "stock", prefer: merge, body: #"{"sku":"q","place":"q","code":"B","amount":8}"#)
            #expect(other.status == 409 && other.code == "23505")
            #expect(other.error?.details == "Key (code) already exists.")
        }
    }

    @Test("One row twice in a body is refused, and nothing of it is kept") func twice() async throws {
        try await Self.with { api async throws in
            let answer = try await api.send(
                acme, .insert, "stock", prefer: merge,
                body: #"[{"sku":"n","place":"x","amount":1},{"sku":"a","place":"x","amount":1},{"sku":"a","place":"x","amount":2}]"#)
            #expect(answer.status == 400 && answer.code == "21000")
            #expect(try await api.stock(acme) == "ax5none bx6none")
        }
    }

    @Test("Without a key there is nothing to merge with") func keyless() async throws {
        try await Self.with { api async throws in
            for _ in 0..<2 {
                let answer = try await api.send(
                    acme, .insert, "keyless", prefer: "\(merge),return=representation", body: #"{"word":"w"}"#)
                #expect(answer.status == 201 && answer.headers["Preference-Applied"] == "return=representation")
            }
            #expect(try await api.send(acme, .read, "keyless").rows.count == 2)
        }
    }

    @Test("Partitions are merged into as other tables are") func partitions() async throws {
        try await Self.with { api async throws in
            for (body, status) in [(#"{"id":1,"label":"a"}"#, 201), (#"{"id":1,"label":"b"}"#, 200), (#"[{"id":1},{"id":2}]"#, 201)] {
                for tenant in [acme, globex] {
                    #expect(try await api.send(tenant, .insert, "parted", prefer: merge, body: body).status == status, "\(body)")
                }
            }
            #expect(try await api.send(acme, .read, "parted", "order=id").compact == #"[{"id":1,"label":"b"},{"id":2,"label":null}]"#)
        }
    }
}

@Suite("PUT through the engine, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct EnginePutTests {
    @Test("makes the row, then replaces it") func replacing() async throws {
        try await TestAPI.with(setup: WriteTables.setup) { api async throws in
            let query = "sku=eq.a&place=eq.x"
            for tenant in [acme, globex] {
                let made = try await api.send(tenant, .put, "stock", query, body: #"{"sku":"a","place":"x","amount":3}"#)
                #expect(made.status == 201 && made.text.isEmpty && made.range == nil)
            }
            let replaced = try await api.send(acme, .put, "stock", query, body: #"{"sku":"a","place":"x","amount":4}"#)
            #expect(replaced.status == 204)
            let represented = try await api.send(
                acme, .put, "stock", query + "&select=sku,amount", prefer: "return=representation",
                body: #"[{"sku":"a","place":"x","amount":5}]"#)
            #expect(represented.status == 200)
            #expect(represented.text == #"[{"sku":"a","amount":5}]"#)
            #expect(represented.headers["Preference-Applied"] == "return=representation")
            let new = try await api.send(
                acme, .put, "stock", "sku=eq.b&place=eq.x&select=sku", prefer: "return=representation", body: #"{"sku":"b","place":"x"}"#)
            #expect(new.status == 201 && new.text == #"[{"sku":"b"}]"#)
            #expect(try await api.stock(acme) == "ax5none bx1none")
            #expect(try await api.stock(globex) == "ax3none")
        }
    }

    @Test("needs the whole key in the URL, the same in the body, and nothing else") func refusals() async throws {
        try await TestAPI.with(setup: WriteTables.setup) { api async throws in
            let whole = #"{"sku":"a","place":"x","amount":3}"#
            for (query, body, status, code) in [
                ("", whole, 405, "PGRST105"), ("sku=eq.a", whole, 405, "PGRST105"),
                ("sku=eq.a&place=eq.x&amount=eq.3", whole, 405, "PGRST105"), ("sku=eq.a&place=gt.w", whole, 405, "PGRST105"),
                ("sku=eq.a&place=not.eq.x", whole, 405, "PGRST105"), ("sku=eq.a&sku=eq.a", whole, 405, "PGRST105"),
                ("sku=eq.a&place=in.(x)", whole, 405, "PGRST105"), ("and=(sku.eq.a,place.eq.x)", whole, 405, "PGRST105"),
                ("sku=eq.a&place=eq.y", whole, 400, "PGRST115"), ("sku=eq.b&place=eq.x", whole, 400, "PGRST115"),
                ("sku=eq.a&place=eq.x", #"{"sku":"a","amount":3}"#, 400, "PGRST115"),
                ("sku=eq.a&place=eq.x", "[\(whole),\(whole)]", 400, "PGRST115"), ("sku=eq.a&place=eq.x", "[]", 400, "PGRST115"),
                ("sku=eq.a&place=eq.x", #"{"sku":"a","place":null}"#, 400, "PGRST115"),
                ("sku=eq.a&place=eq.x", #"{"sku":"a","place":"x","nosuch":1}"#, 400, "PGRST204"),
                ("sku=eq.a&place=eq.x", #"{"sku":"a","place":"x","amount":-1}"#, 400, "23514"),
            ] {
                let answer = try await api.send(acme, .put, "stock", query, body: body)
                #expect(answer.status == status && answer.code == code, "\(query) \(body): \(answer.text)")
            }
            #expect(try await api.send(acme, .put, "keyless", "word=eq.a", body: #"{"word":"a"}"#).code == "PGRST105")
            #expect(try await api.send(acme, .put, "currencies", "code=eq.EUR", body: #"{"code":"EUR","name":"x"}"#).status == 403)
            #expect(try await api.stock(acme) == "")
        }
    }
}

extension TestAPI {
    /// All of a tenant's stock, in short.
    fileprivate func stock(_ tenant: UUID) async throws -> String {
        try await send(tenant, .read, "stock", "order=sku,place").rows.map { row in
            ["sku", "place", "amount", "note"].map { name in
                row[name]?.stringValue ?? row[name]?.intValue.map { String($0) } ?? ""
            }.joined()
        }.joined(separator: " ")
    }
}
