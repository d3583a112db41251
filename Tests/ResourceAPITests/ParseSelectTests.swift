import JSON
import Testing

@testable import ResourceAPI

private func field(
    _ name: String, _ path: [JSONStep] = [], as alias: String? = nil, cast: CastType? = nil, aggregate: SelectedField.Aggregate? = nil,
    aggregateCast: CastType? = nil
) -> SelectItem {
    .field(
        SelectedField(
            field: Field(column: ExactString(name), path: path), alias: alias.map { ExactString($0) }, cast: cast, aggregate: aggregate,
            aggregateCast: aggregateCast))
}

private func embed(
    _ relation: String, as alias: String? = nil, hint: String? = nil, inner: Bool = false, spread: Bool = false, _ items: [SelectItem]
) -> SelectItem {
    var embed = Embed(relation: ExactString(relation))
    embed.alias = alias.map { ExactString($0) }
    embed.hint = hint.map { ExactString($0) }
    embed.isInner = inner
    embed.isSpread = spread
    embed.selection.items = items
    return .relation(embed)
}

private func member(_ key: String, text: Bool = false) -> JSONStep { JSONStep(key: .member(ExactString(key)), isText: text) }
private func element(_ index: Int, text: Bool = false) -> JSONStep { JSONStep(key: .index(index), isText: text) }

@Suite("select in a query string") struct ParseSelectTests {
    @Test(
        "is read",
        arguments: [
            ("*", [.all]),
            ("", []),
            (" ", []),
            ("id", [field("id")]),
            ("id, name", [field("id"), field("name")]),
            ("id ,name ", [field("id"), field("name")]),
            ("*,x:id", [.all, field("id", as: "x")]),
            ("id::text", [field("id", cast: .text)]),
            ("id::TEXT", [field("id", cast: .text)]),
            ("id::uuid[]", [field("id", cast: .uuidArray)]),
            ("x:id::double precision", [field("id", as: "x", cast: .doublePrecision)]),
            ("%22a,b%22:%22c:d%22", [field("c:d", as: "a,b")]),
            ("a->b", [field("a", [member("b")])]),
            ("x:a->b->>0::int", [field("a", [member("b"), element(0, text: true)], as: "x", cast: .int)]),
            ("a->-1,a->2->c", [field("a", [element(-1)]), field("a", [element(2), member("c")])]),
            ("count()", [.count(alias: nil, cast: nil)]),
            ("n:count()::text", [.count(alias: ExactString("n"), cast: .text)]),
            ("count", [field("count")]),
            ("%22count%22(id)", [embed("count", [field("id")])]),
            ("total.sum()", [field("total", aggregate: .sum)]),
            ("s:total::int.avg()::text", [field("total", as: "s", cast: .int, aggregate: .avg, aggregateCast: .text)]),
            ("id.count(),id.min(),id.max()", [field("id", aggregate: .count), field("id", aggregate: .min), field("id", aggregate: .max)]),
            ("a->>b::numeric.sum()", [field("a", [member("b", text: true)], cast: .numeric, aggregate: .sum)]),
            ("rel(id)", [embed("rel", [field("id")])]),
            ("rel(*)", [embed("rel", [.all])]),
            ("rel()", [embed("rel", [])]),
            ("rel( )", [embed("rel", [])]),
            ("x:rel(id)", [embed("rel", as: "x", [field("id")])]),
            ("rel!fk(id)", [embed("rel", hint: "fk", [field("id")])]),
            ("rel!inner(id)", [embed("rel", inner: true, [field("id")])]),
            ("rel!left(id)", [embed("rel", [field("id")])]),
            ("x:rel!fk!inner(id)", [embed("rel", as: "x", hint: "fk", inner: true, [field("id")])]),
            ("rel!inner!fk(id)", [embed("rel", hint: "fk", inner: true, [field("id")])]),
            ("rel!%22inner%22!inner(id)", [embed("rel", hint: "inner", inner: true, [field("id")])]),
            ("...rel(id)", [embed("rel", spread: true, [field("id")])]),
            ("...rel!fk!left(x:id)", [embed("rel", hint: "fk", spread: true, [field("id", as: "x")])]),
            (
                "id,a(b(c(d)),...e(f)), g",
                [
                    field("id"), embed("a", [embed("b", [embed("c", [field("d")])]), embed("e", spread: true, [field("f")])]), field("g"),
                ]
            ),
            ("rel( id , sub ( x ) )", [embed("rel", [field("id"), embed("sub", [field("x")])])]),
            ("rel(count(),total.sum())", [embed("rel", [.count(alias: nil, cast: nil), field("total", aggregate: .sum)])]),
            ("%22r.s%22(%22)%22)", [embed("r.s", [field(")")])]),
        ] as [(String, [SelectItem])])
    func select(text: String, expected: [SelectItem]) throws {
        let query = try parse("select=" + text)
        #expect(query.shape.root.items == expected)
        #expect(query.values.isEmpty)
    }

    @Test("wants every column when it is not given") func absent() throws {
        #expect(try parse("").shape.root.items == nil)
    }

    @Test("casts to a closed set of types", arguments: ["regclass", "xml", "pg_catalog.text", "text)", "text; --", "TEXT[][]", ""])
    func casts(type: String) {
        let error = #expect(throws: APIError.self) { try parse("select=id::" + type.replacing(";", with: "%3B")) }
        #expect(error?.status == 400)
    }

    @Test("is bounded in items, resources and depth") func bounds() throws {
        func list(_ item: String, _ count: Int) -> String { Array(repeating: item, count: count).joined(separator: ",") }
        func nested(_ depth: Int) -> String { String(repeating: "a(", count: depth) + "id" + String(repeating: ")", count: depth) }
        #expect(try parse("select=" + list("a", 256)).shape.root.items?.count == 256)
        #expect(throws: APIError.self) { try parse("select=" + list("a", 257)) }
        #expect(throws: APIError.self) { try parse("select=\(list("a", 200)),b(\(list("a", 60)))") }
        #expect(throws: Never.self) { try parse("select=" + list("a(b)", 32)) }
        #expect(throws: APIError.self) { try parse("select=" + list("a(b)", 33)) }
        #expect(throws: Never.self) { try parse("select=" + nested(8)) }
        #expect(throws: APIError.self) { try parse("select=" + nested(9)) }
        #expect(throws: APIError.self) { try parse("select=" + nested(5000)) }
        #expect(throws: Never.self) { try parse("select=\(String(repeating: "a", count: 63)):id") }
        #expect(throws: APIError.self) { try parse("select=\(String(repeating: "a", count: 64)):id") }
    }
}

@Suite("order, bounds and cursors in a query string") struct ParseOrderTests {
    private func term(
        _ name: String, _ path: [JSONStep] = [], of relation: String? = nil, descending: Bool = false, nulls: OrderTerm.Nulls? = nil
    ) -> OrderTerm {
        OrderTerm(
            relation: relation.map { ExactString($0) }, field: Field(column: ExactString(name), path: path), isDescending: descending,
            nulls: nulls)
    }

    @Test("order is read") func order() throws {
        let order = try parse("order=a.desc.nullslast,b,c.asc,d.nullsfirst, e .desc,f->>g.desc,rel(h),rel(i->j).desc.nullsfirst , k").shape
            .root.order
        #expect(
            order == [
                term("a", descending: true, nulls: .last), term("b"), term("c"), term("d", nulls: .first), term("e", descending: true),
                term("f", [member("g", text: true)], descending: true), term("h", of: "rel"),
                term("i", [member("j")], of: "rel", descending: true, nulls: .first), term("k"),
            ])
    }

    @Test("limit and offset are read") func bounds() throws {
        let query = try parse("limit=20&offset=40")
        #expect(query.shape.root.limit == .literal(20))
        #expect(query.shape.root.offset == 0)
        #expect(query.values == ["40"])
        #expect(try parse("limit=101").shape.root.limit == .parameter(0))
        #expect(try parse("limit=101").values == ["101"])
        #expect(try parse("limit=150").shape.root.limit == .literal(150))
        #expect(try parse("limit=0").shape.root.limit == .literal(0))
        #expect(try parse("offset=0").shape == QueryShape())
    }

    @Test(
        "Range narrows what limit and offset ask for",
        arguments: [
            ("", "0-9", "limit=10"),
            ("", "10-19", "limit=10&offset=10"),
            ("", "10-", "offset=10"),
            ("", "5-5", "limit=1&offset=5"),
            ("limit=5", "10-19", "error"),
            ("limit=15", "10-19", "limit=5&offset=10"),
            ("limit=5&offset=12", "10-19", "limit=5&offset=12"),
            ("limit=50&offset=12", "10-19", "limit=8&offset=12"),
            ("offset=12", "10-19", "limit=8&offset=12"),
            ("offset=20", "10-19", "error"),
            ("limit=0", "10-19", "limit=0"),
            ("", "9-0", "error"),
            ("limit=3", "-5", "limit=3"),
            ("limit=3", "a-b", "limit=3"),
            ("limit=3", "1-2,4-5", "limit=3"),
            ("limit=3", "1", "limit=3"),
            ("limit=3", "", "limit=3"),
            ("limit=3", "٣-4", "limit=3"),
            ("", "0-99999999999999999999999", "limit=9007199254740992"),
            ("limit=5", "99999999999999999999999-", "error"),
        ])
    func range(raw: String, range: String, same: String) throws {
        switch same {
        case "error":
            let error = #expect(throws: APIError.self) { try parse(raw, range: range) }
            #expect(error?.status == 416)
            #expect(error?.code == "PGRST103")
        case "limit=9007199254740992":
            #expect(try parse(raw, range: range).values == ["9007199254740992"])
        default:
            #expect(try parse(raw, range: range) == parse(same))
        }
        #expect(try parse(raw, .head, range: range) == parse(raw, .head))
    }

    @Test("a cursor is what an answer gave") func cursors() throws {
        #expect(try parse("after=").shape.after == .beginning)
        let values = ["7", "a\"b\\,é", ""]
        let query = try parse("after=\(QueryShape.Cursor.token(values))&id=eq.1")
        #expect(query.shape.after == .row([0, 1, 2]))
        #expect(query.values == values + ["1"])
        #expect(QueryShape.Cursor.token(json: Array(#"["7"]"#.utf8)) == QueryShape.Cursor.token(["7"]))
    }

    @Test(
        "a cursor that no answer gave is refused",
        arguments: ["x", "W10", "WzFd", "e30", "bnVsbA", "WyJcdTAwMDAiXQ", "WyIxIl0=", "WyIxIl1", "!!", "W1siYSJdXQ"])
    func badCursors(token: String) {
        let error = #expect(throws: APIError.self) { try parse("after=\(token)") }
        #expect(error?.code == "PGRST100")
    }

    @Test("a cursor goes with no offset, and with nothing but reading") func lonelyCursors() {
        #expect(throws: APIError.self) { try parse("after=&offset=1") }
        #expect(throws: APIError.self) { try parse("after=&after=") }
        #expect(throws: APIError.self) { try parse("after=", .update) }
        #expect(throws: Never.self) { try parse("after=&limit=1&order=id") }
    }
}
