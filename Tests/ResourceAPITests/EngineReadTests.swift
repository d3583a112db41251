import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

private let acme = TestDatabase.acme
private let globex = TestDatabase.globex

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
                ("select=customer_id::int", "42846"), ("notes=fts.a b", "42601"), ("notes=fts(klingon).a", "42704"),
                ("select=status::int", "22P02"), ("status=like.%5C", "22025"),
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
