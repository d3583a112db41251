import JSON
import Testing

@testable import ResourceAPI

private func parse(_ raw: String, _ verb: Verb = .read) throws -> Query {
    try Query(try QueryString(raw), for: verb)
}

private func filter(_ column: String, _ condition: Filter.Condition, not: Bool = false) -> Filter {
    Filter(column: ExactString(column), isNegated: not, condition: condition)
}

private func selected(_ name: String, as alias: String? = nil, cast: CastType? = nil) -> SelectItem {
    .column(name: ExactString(name), alias: alias.map(ExactString.init), cast: cast)
}

@Suite("The query grammar") struct QueryParsingTests {
    @Test(
        "reads filters",
        arguments: [
            ("id=eq.1", filter("id", .compare(.equal)), "1"),
            ("id=neq.1", filter("id", .compare(.notEqual)), "1"),
            ("id=gt.1", filter("id", .compare(.greater)), "1"),
            ("id=gte.1", filter("id", .compare(.greaterOrEqual)), "1"),
            ("id=lt.1", filter("id", .compare(.less)), "1"),
            ("id=lte.1", filter("id", .compare(.lessOrEqual)), "1"),
            ("id=eq.", filter("id", .compare(.equal)), ""),
            ("id=eq.a.b,c(d)", filter("id", .compare(.equal)), "a.b,c(d)"),
            ("id=eq.%22quoted%22", filter("id", .compare(.equal)), "\"quoted\""),
            ("id=not.eq.1", filter("id", .compare(.equal), not: true), "1"),
            ("name=like.*a*", filter("name", .compare(.like)), "%a%"),
            ("name=ilike.a%25_", filter("name", .compare(.caseInsensitiveLike)), "a%_"),
            ("id=in.(a,b)", filter("id", .isAny), #"{"a","b"}"#),
            ("id=in.()", filter("id", .isAny), "{}"),
            (#"id=in.("a,b","c)\"\\d",null)"#, filter("id", .isAny), #"{"a,b","c)\"\\d","null"}"#),
            (#"id=in.({a},b\)"#, filter("id", .isAny), #"{"{a}","b\\"}"#),
            ("id=is.null", filter("id", .isKeyword(.null)), nil),
            ("id=is.NOT_NULL", filter("id", .isKeyword(.notNull)), nil),
            ("id=not.is.true", filter("id", .isKeyword(.isTrue), not: true), nil),
            ("%22a.b%22=eq.1", filter("a.b", .compare(.equal)), "1"),
            ("first%20name=eq.1", filter("first name", .compare(.equal)), "1"),
            ("a-b=eq.1", filter("a-b", .compare(.equal)), "1"),
            ("näme=eq.ü", filter("näme", .compare(.equal)), "ü"),
        ] as [(String, Filter, String?)])
    func filters(raw: String, filter: Filter, value: String?) throws {
        let query = try parse(raw)
        #expect(query.shape.filters == [filter])
        #expect(query.values == (value.map { [$0] } ?? []))
    }

    @Test("keeps repeated filters, which are all meant") func repeated() throws {
        let query = try parse("id=gt.1&id=lt.5")
        #expect(query.shape.filters.count == 2)
        #expect(query.values == ["1", "5"])
    }

    @Test(
        "reads select",
        arguments: [
            ("*", [.all]),
            ("", []),
            ("id", [selected("id")]),
            ("id, name", [selected("id"), selected("name")]),
            ("*,x:id", [.all, selected("id", as: "x")]),
            ("id::text", [selected("id", cast: .text)]),
            ("x:id::double precision", [selected("id", as: "x", cast: .doublePrecision)]),
            ("%22a,b%22:%22c:d%22", [selected("c:d", as: "a,b")]),
        ])
    func select(text: String, expected: [SelectItem]) throws {
        #expect(try parse("select=" + text).shape.select == expected)
    }

    @Test("reads order") func order() throws {
        let order = try parse("order=a.desc.nullslast,b,c.asc,d.nullsfirst, e .desc".replacing(" ", with: "")).shape.order
        #expect(
            order == [
                OrderTerm(column: ExactString("a"), isDescending: true, nulls: .last),
                OrderTerm(column: ExactString("b"), isDescending: false, nulls: nil),
                OrderTerm(column: ExactString("c"), isDescending: false, nulls: nil),
                OrderTerm(column: ExactString("d"), isDescending: false, nulls: .first),
                OrderTerm(column: ExactString("e"), isDescending: true, nulls: nil),
            ])
    }

    @Test("reads limit and offset") func bounds() throws {
        let query = try parse("limit=20&offset=40")
        #expect(query.limit == 20)
        #expect(query.offset == 40)
        #expect(query.shape.limit == .literal(20))
        #expect(try parse("limit=101").shape.limit == .parameter)
        #expect(try parse("limit=150").shape.limit == .literal(150))
        #expect(try parse("offset=0").shape == QueryShape())
    }

    @Test(
        "refuses what it does not know with PGRST100, and passes over nothing",
        arguments: [
            "id=", "id=1", "id=eq", "id=eq1", "id=EQ.1", "id=equals.1", "id=not.1", "id=not.not.eq.1", "id=.eq.1", "id=in.1", "id=in.(",
            "id=in.(a", #"id=in.("a)"#, #"id=in.("a"b)"#, "id=in.(a)b", "id=in.()b", "id=in.()a)", "id=in.(),a)", "id=in.())", "id=is.nul",
            "id=is.", "id=is.null ",
            "id=eq(any).{1}", "id=match.a", "id=fts.a", "id=cs.{a}", "id=isdistinct.1",
            "a->b=eq.1", "a->>b=eq.1", "rel.a=eq.1", "=eq.1", "%20=eq.1", "\"a=eq.1", "a;b=eq.1", "a'=eq.1", "a(b)=eq.1", "a,b=eq.1",
            "and=(a.eq.1,b.eq.2)", "or=(a.eq.1)", "not.and=(a.eq.1)", "not.or=(a.eq.1)", "rel.or=(a.eq.1)", "rel.limit=1",
            "on_conflict=id", "columns=id",
            "select=id,", "select=,id", "select=id,,name", "select=rel(id)", "select=rel!inner(id)", "select=...rel(id)",
            "select=count()",
            "select=id.sum()", "select=a->b", "select=a->>b", "select=a:", "select=:a", "select=a:b:c", "select=*a", "select=id)",
            "select=id;drop", "select=id'", "select=id::", "select=id&select=name", #"select="id"#,
            "order=", "order=id,", "order=id.up", "order=id.desc.asc", "order=id.nullsfirst.desc", "order=rel(id)", "order=id;",
            "order=a->b",
            "order=id&order=id",
            "limit=", "limit=-1", "limit=+1", "limit=1.0", "limit=0x1", "limit=all", "limit=1;", "limit=99999999999999999999", "limit=٣",
            "limit=1&limit=1", "offset=-1", "offset=9007199254740993",
        ])
    func refusals(raw: String) throws {
        let error = #expect(throws: APIError.self) { try parse(raw) }
        #expect(error?.status == 400)
        #expect(error?.code == (raw == "select=id::" ? "42704" : "PGRST100"))
    }

    @Test("casts to a closed set of types", arguments: ["regclass", "xml", "pg_catalog.text", "text)", "text; --", "TEXT[][]"])
    func casts(type: String) {
        let error = #expect(throws: APIError.self) { try parse("select=id::" + type.replacing(";", with: "%3B")) }
        #expect(error?.status == 400)
    }

    @Test(
        "refuses on a write what would mean nothing",
        arguments: [
            (Verb.insert, "id=eq.1"), (.insert, "limit=1"), (.update, "limit=1"), (.delete, "offset=1"), (.delete, "columns=id"),
        ])
    func writes(verb: Verb, raw: String) {
        #expect(throws: APIError.self) { try parse(raw, verb) }
    }

    @Test("reads columns of a write, once each") func columns() throws {
        #expect(try parse(#"columns="b",a,a"#, .insert).shape.columns?.map(\.string) == ["a", "b"])
    }

    @Test("quotes an error's excerpt briefly") func excerpt() {
        let error = #expect(throws: APIError.self) { try parse("select=" + String(repeating: "a", count: 5000) + "(") }
        #expect((error?.message.utf8.count ?? 0) + (error?.details?.utf8.count ?? 0) < 400)
    }

    @Test("takes time in proportion to its length") func linear() throws {
        let quotes = "id=in.(" + String(repeating: "%22", count: 5000) + ")"
        _ = try? parse(quotes)
        _ = try? parse("id=in.(" + String(repeating: "%5C", count: 5000))
        _ = try? parse("select=" + String(repeating: "a:", count: 5000))
        let started = ContinuousClock.now
        for _ in 0..<20 { _ = try? parse("select=" + String(repeating: " ", count: 16_000)) }
        #expect(ContinuousClock.now - started < .seconds(2))
    }
}
