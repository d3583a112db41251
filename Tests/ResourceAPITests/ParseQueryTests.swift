import JSON
import Testing

@testable import ResourceAPI

func parse(_ raw: String, _ verb: Verb = .read, range: String? = nil) throws -> Query {
    try Query(try QueryString(raw), range: range, for: verb)
}

private func column(_ name: String, _ path: JSONStep...) -> Field { Field(column: ExactString(name), path: path) }

private func filter(_ name: String, _ operation: Filter.Operation, not: Bool = false) -> Condition {
    .filter(Filter(field: column(name), isNegated: not, operation: operation))
}

private func member(_ key: String, text: Bool = false) -> JSONStep { JSONStep(key: .member(ExactString(key)), isText: text) }
private func element(_ index: Int, text: Bool = false) -> JSONStep { JSONStep(key: .index(index), isText: text) }

@Suite("Filters in a query string") struct ParseFilterTests {
    @Test(
        "are read with their values",
        arguments: [
            ("id=eq.1", filter("id", .compare(.equal, 0)), "1"),
            ("id=neq.1", filter("id", .compare(.notEqual, 0)), "1"),
            ("id=gt.1", filter("id", .compare(.greater, 0)), "1"),
            ("id=gte.1", filter("id", .compare(.greaterOrEqual, 0)), "1"),
            ("id=lt.1", filter("id", .compare(.less, 0)), "1"),
            ("id=lte.1", filter("id", .compare(.lessOrEqual, 0)), "1"),
            ("id=match.%5Ea", filter("id", .compare(.match, 0)), "^a"),
            ("id=imatch.a*", filter("id", .compare(.caseInsensitiveMatch, 0)), "a*"),
            ("id=isdistinct.1", filter("id", .compare(.isDistinct, 0)), "1"),
            ("id=cs.{a,b}", filter("id", .compare(.contains, 0)), "{a,b}"),
            ("id=cd.{a}", filter("id", .compare(.isContained, 0)), "{a}"),
            ("id=ov.[1,2]", filter("id", .compare(.overlaps, 0)), "[1,2]"),
            ("id=sl.(1,2)", filter("id", .compare(.isStrictlyLeft, 0)), "(1,2)"),
            ("id=sr.(1,2)", filter("id", .compare(.isStrictlyRight, 0)), "(1,2)"),
            ("id=nxr.(1,2)", filter("id", .compare(.extendsNotRight, 0)), "(1,2)"),
            ("id=nxl.(1,2)", filter("id", .compare(.extendsNotLeft, 0)), "(1,2)"),
            ("id=adj.(1,2)", filter("id", .compare(.isAdjacent, 0)), "(1,2)"),
            ("id=eq.", filter("id", .compare(.equal, 0)), ""),
            ("id=eq.a.b,c(d)", filter("id", .compare(.equal, 0)), "a.b,c(d)"),
            ("id=eq.%22quoted%22", filter("id", .compare(.equal, 0)), "\"quoted\""),
            ("id=eq.null", filter("id", .compare(.equal, 0)), "null"),
            ("id=not.eq.1", filter("id", .compare(.equal, 0), not: true), "1"),
            ("name=like.*a*", filter("name", .compare(.like, 0)), "%a%"),
            ("name=ilike.a%25_", filter("name", .compare(.caseInsensitiveLike, 0)), "a%_"),
            ("id=eq(any).{1,2}", filter("id", .quantified(.equal, .any, 0)), "{1,2}"),
            ("id=gt(all).{1,2}", filter("id", .quantified(.greater, .all, 0)), "{1,2}"),
            ("id=not.lte(any).{1}", filter("id", .quantified(.lessOrEqual, .any, 0), not: true), "{1}"),
            ("name=like(any).{a*,*b}", filter("name", .quantified(.like, .any, 0)), "{a%,%b}"),
            ("name=imatch(all).{a*}", filter("name", .quantified(.caseInsensitiveMatch, .all, 0)), "{a*}"),
            ("id=in.(a,b)", filter("id", .isIn(0)), #"{"a","b"}"#),
            ("id=in.()", filter("id", .isIn(0)), "{}"),
            ("id=in.(,)", filter("id", .isIn(0)), #"{"",""}"#),
            ("id=in. ( a, b) ", filter("id", .isIn(0)), #"{"a"," b"}"#),
            (#"id=in.("a,b","c)\"\\d",null)"#, filter("id", .isIn(0)), #"{"a,b","c)\"\\d","null"}"#),
            (#"id=in.({a},b\)"#, filter("id", .isIn(0)), #"{"{a}","b\\"}"#),
            // A quote that does not end with the element is a character as any other.
            (#"id=in.("a)"#, filter("id", .isIn(0)), #"{"\"a"}"#),
            (#"id=in.("a"b,"c")"#, filter("id", .isIn(0)), #"{"\"a\"b","c"}"#),
            ("body=fts.cat", filter("body", .matches(.query, language: nil, 0)), "cat"),
            ("body=plfts.cat", filter("body", .matches(.plain, language: nil, 0)), "cat"),
            ("body=phfts(english).fat cat", filter("body", .matches(.phrase, language: ExactString("english"), 0)), "fat cat"),
            ("body=not.wfts(de_1).a", filter("body", .matches(.webSearch, language: ExactString("de_1"), 0), not: true), "a"),
            ("id=is.null", filter("id", .isKeyword(.null)), nil),
            ("id=is.NOT_NULL", filter("id", .isKeyword(.notNull)), nil),
            ("id=is.False", filter("id", .isKeyword(.isFalse)), nil),
            ("id=is.unknown", filter("id", .isKeyword(.unknown)), nil),
            ("id=not.is.true", filter("id", .isKeyword(.isTrue), not: true), nil),
            ("%22a.b%22=eq.1", filter("a.b", .compare(.equal, 0)), "1"),
            ("%22or%22=eq.1", filter("or", .compare(.equal, 0)), "1"),
            ("first%20name=eq.1", filter("first name", .compare(.equal, 0)), "1"),
            ("a-b=eq.1", filter("a-b", .compare(.equal, 0)), "1"),
            ("näme=eq.ü", filter("näme", .compare(.equal, 0)), "ü"),
            ("not=eq.1", filter("not", .compare(.equal, 0)), "1"),
            ("after=eq.1", filter("after", .compare(.equal, 0)), "1"),
        ] as [(String, Condition, String?)])
    func filters(raw: String, condition: Condition, value: String?) throws {
        let query = try parse(raw)
        #expect(query.shape.root.conditions == [condition])
        #expect(query.values == (value.map { [$0] } ?? []))
    }

    @Test(
        "reach into JSON",
        arguments: [
            ("a->b=eq.1", column("a", member("b"))),
            ("a->>b=eq.1", column("a", member("b", text: true))),
            ("a->b->0->>c=eq.1", column("a", member("b"), element(0), member("c", text: true))),
            ("a->-1=eq.1", column("a", element(-1))),
            ("a->1a=eq.1", column("a", member("1a"))),
            ("a->%221%22=eq.1", column("a", member("1"))),
            ("a->%22b.c->d%22=eq.1", column("a", member("b.c->d"))),
            ("a->%22%22=eq.1", column("a", member(""))),
            ("a->b-c=eq.1", column("a", member("b-c"))),
            ("order->b=eq.1", column("order", member("b"))),
        ])
    func paths(raw: String, field: Field) throws {
        #expect(try parse(raw).shape.root.conditions == [.filter(Filter(field: field, isNegated: false, operation: .compare(.equal, 0)))])
    }

    @Test("are all meant where one column has several") func repeated() throws {
        let query = try parse("id=gt.1&id=lt.5")
        #expect(query.shape.root.conditions.count == 2)
        #expect(query.values == ["1", "5"])
    }

    @Test("may be joined by and, or and not") func logic() throws {
        let query = try parse(
            #"or=(a.eq.1,b.not.gt.2,and(x.is.null,y.in.(1,"2,3")),j->>k.eq.v)&not.and=(a.eq.1, not.or( b.lt.2 ,c.is.true ) )"#)
        let path = Filter(field: column("j", member("k", text: true)), isNegated: false, operation: .compare(.equal, 3))
        #expect(
            query.shape.root.conditions == [
                .any(
                    [
                        filter("a", .compare(.equal, 0)), filter("b", .compare(.greater, 1), not: true),
                        .all([filter("x", .isKeyword(.null)), filter("y", .isIn(2))], isNegated: false), .filter(path),
                    ], isNegated: false),
                .all(
                    [
                        filter("a", .compare(.equal, 4)),
                        .any([filter("b", .compare(.less, 5)), filter("c", .isKeyword(.isTrue))], isNegated: true),
                    ], isNegated: true),
            ])
        #expect(query.values == ["1", "2", #"{"1","2,3"}"#, "v", "1", "2 "])
    }

    @Test(
        "end their values, inside parentheses, at a comma or a closing one, unless quoted or in braces",
        arguments: [
            ("a.eq.1", ["1"]),
            ("a.eq.", [""]),
            (#"a.eq."1,2)""#, ["1,2)"]),
            (#"a.eq."\"\\",b.eq.2"#, [#""\"#, "2"]),
            (#"a.eq."b"c"#, [#""b"c"#]),
            (#"a.eq."b"#, [#""b"#]),
            ("a.cs.{1,2},b.eq.3", ["{1,2}", "3"]),
            ("a.cs.{1,b.eq.3", ["{1", "3"]),
            ("a.like.*x*", ["%x%"]),
            (#"a.like."*,*""#, ["%,%"]),
            ("a.eq(any).{1,2}", ["{1,2}"]),
            ("a.fts(english).x y", ["x y"]),
            ("a.in.(1,2),b.not.in.()", [#"{"1","2"}"#, "{}"]),
            ("a.eq.b.c", ["b.c"]),
        ])
    func nestedValues(text: String, values: [String]) throws {
        let query = try parse("or=(\(text))")
        #expect(query.values == values)
    }

    @Test("tell a column called not, and or or from the operator") func words() throws {
        let one = filter("a", .compare(.equal, 0))
        #expect(try parse("or=(not.eq.1)").shape.root.conditions == [.any([filter("not", .compare(.equal, 0))], isNegated: false)])
        #expect(try parse("or=(and.eq.1)").shape.root.conditions == [.any([filter("and", .compare(.equal, 0))], isNegated: false)])
        #expect(try parse("or=(order.eq.1)").shape.root.conditions == [.any([filter("order", .compare(.equal, 0))], isNegated: false)])
        #expect(
            try parse("or=(not.a.eq.1)").shape.root.conditions == [.any([filter("a", .compare(.equal, 0), not: true)], isNegated: false)])
        #expect(try parse("or=(not.a.not.eq.1)").shape.root.conditions == [.any([one], isNegated: false)])
        #expect(
            try parse("or=(not.not.eq.1)").shape.root.conditions == [
                .any([filter("not", .compare(.equal, 0), not: true)], isNegated: false)
            ])
        #expect(try parse("not.or=(a.eq.1)").shape.root.conditions == [.any([one], isNegated: true)])
        #expect(try parse("or=(and(a.eq.1))").shape.root.conditions == [.any([.all([one], isNegated: false)], isNegated: false)])
    }

    @Test("belong to the embedded resource they name") func embedded() throws {
        let query = try parse(
            "select=id,orders(id,items:order_items(id)),x:notes(id)&orders.id=eq.1&orders.items.id=eq.2&id=eq.0&x.or=(a.eq.3,b.eq.4)"
                + "&orders.items.not.and=(c.eq.5)&x.order=id.desc&x.limit=5&orders.offset=7&notes.id=is.null")
        let items = try #require(query.shape.root.items)
        guard case .relation(let orders) = items[1], case .relation(let notes) = items[2],
            case .relation(let inner) = orders.selection.items?[1]
        else { return #expect(Bool(false)) }
        #expect(query.shape.root.conditions == [filter("id", .compare(.equal, 2))])
        #expect(orders.selection.conditions == [filter("id", .compare(.equal, 0))])
        #expect(inner.name.string == "items" && inner.relation.string == "order_items")
        #expect(
            inner.selection.conditions == [
                filter("id", .compare(.equal, 1)), .all([filter("c", .compare(.equal, 5))], isNegated: true),
            ])
        #expect(
            notes.selection.conditions == [
                .any([filter("a", .compare(.equal, 3)), filter("b", .compare(.equal, 4))], isNegated: false),
                filter("id", .isKeyword(.null)),
            ])
        #expect(notes.selection.order == [OrderTerm(field: column("id"), isDescending: true)])
        #expect(notes.selection.limit == .literal(5))
        #expect(orders.selection.offset == 6)
        #expect(query.values == ["1", "2", "0", "3", "4", "5", "7"])
    }

    @Test("find an aliased resource by its relation's name only where that means one") func aliases() throws {
        #expect(throws: Never.self) { try parse("select=a:rel(id)&rel.id=eq.1") }
        #expect(throws: APIError.self) { try parse("select=a:rel(id),b:rel(id)&rel.id=eq.1") }
        let both = try parse("select=a:rel(id),rel(id)&rel.id=eq.1").shape.root.items
        guard case .relation(let first) = both?[0], case .relation(let second) = both?[1] else { return #expect(Bool(false)) }
        #expect(first.selection.conditions.isEmpty && second.selection.conditions.count == 1)
    }

    @Test(
        "are refused where nothing of that name is embedded",
        arguments: [
            "rel.a=eq.1", "select=rel(id)&Rel.a=eq.1", "select=rel(sub(id))&sub.id=eq.1", "rel.or=(a.eq.1)", "rel.limit=1", "rel.order=id",
            "select=a&a.b=eq.1", "not.not.or=(a.eq.1)", "a b.c=eq.1",
        ])
    func notEmbedded(raw: String) throws {
        let error = #expect(throws: APIError.self) { try parse(raw) }
        #expect(error?.code == "PGRST108" && error?.status == 400)
        #expect(error?.message.hasSuffix("' is not an embedded resource in this request") == true)
        #expect(error?.hint?.hasPrefix("Verify that '") == true)
    }
}
