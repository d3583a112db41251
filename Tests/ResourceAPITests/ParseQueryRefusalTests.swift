import JSON
import Testing

@testable import ResourceAPI

@Suite("A query string that does not follow the grammar") struct ParseQueryRefusalTests {
    @Test(
        "is refused with PGRST100, and nothing is passed over",
        arguments: [
            "id=", "id=1", "id", "id=eq", "id=eq1", "id=EQ.1", "id=equals.1", "id=not.1", "id=not.not.eq.1", "id=.eq.1", "id= eq.1",
            "id=in.1", "id=in.(", "id=in.(a", "id=in(a)", "id=in.(a)b", "id=in.()b", "id=in.()a)", "id=in.(),a)", "id=in.())", "id=in.[a]",
            "id=is.nul", "id=is.", "id=is.null ", "id=is(any).null",
            "id=eq(any)", "id=eq(some).{1}", "id=eq(any.{1}", "id=eq().{1}", "id=neq(any).{1}", "id=in(any).(1)", "id=cs(any).{1}",
            "id=isdistinct(any).{1}", "id=eq(any)(any).{1}",
            "id=fts", "id=fts().a", "id=fts(a b).a", "id=fts('a').a", "id=fts(english.a", "id=fts(a)(b).c", "id=fts(\u{e9}).a",
            "=eq.1", "%20=eq.1", "\"a=eq.1", "a;b=eq.1", "a'=eq.1", "a(b)=eq.1", "a,b=eq.1", "\"\"=eq.1", "-a=eq.1", "*=eq.1", "a.=eq.1",
            ".a=eq.1", "a..b=eq.1", "a->=eq.1", "a->>=eq.1", "a->b->=eq.1", "a->'b'=eq.1", "a->b.c=eq.1", "->b=eq.1",
            "a->2147483648=eq.1", "a>b=eq.1", "a->\"b=eq.1",
            "and=", "or=", "or=()", "or=(", "or=(a.eq.1", "or=a.eq.1", "or=(a.eq.1))", "or=(a.eq.1)b", "or=(a.eq.1,)", "or=(,a.eq.1)",
            "or=(a.eq.1,,b.eq.1)", "or=(a)", "or=(a.b.eq.1)", "or=(a=eq.1)", "or=(a.is.nul)", "or=(a.in.1)", "or=(a.in.(1)", "or=(and())",
            "or=(not.and.eq)", "or=(xor(a.eq.1))", "or=(not(a.eq.1))", "or=(a.cs.{1}2)", "or=(a.eq(some).{1})", "or=(not.not.a.eq.1)",
            "not.or",
            "columns=id", "on_conflict=id",
            "select=id,", "select=,id", "select=id,,name", "select=a:", "select=:a", "select=a:b:c", "select=*a", "select=**", "select=x:*",
            "select=id)", "select=id;drop", "select=id'", "select=id&select=name", #"select="id"#, #"select="""#, #"select="":id"#,
            "select=rel(id", "select=rel(", "select=rel)", "select=rel(id))", "select=rel(id)x", "select=rel!(id)", "select=rel!inner",
            "select=rel!a!b(id)", "select=rel!a!b!c(id)", "select=rel!inner!left!a(id)", "select=rel!", "select=!inner(id)",
            "select=...(id)",
            "select=...id", "select=...", "select=...x:rel(id)", "select=x:...rel(id)", "select=rel (id", "select=a->b(id)",
            "select=rel(,)",
            "select=rel::text(id)", "select=rel(id)::text", "select=(id)",
            "select=count(id)", "select=count(", "select=...count()x", "select=id.sum", "select=id.sum(", "select=id.sum(x)",
            "select=id.median()",
            "select=id.sum().avg()", "select=id.Sum()", "select=sum()x", "select=id.", "select=*.count()", "select=a.b", "select=a->",
            "select=a->>",
            "select=a->b:c",
            "order=", "order=id,", "order=,id", "order=id.up", "order=id.desc.asc", "order=id.nullsfirst.desc", "order=id;",
            "order=id.DESC",
            "order=rel()", "order=rel(id", "order=rel(id)x", "order=rel(a(b))", "order=a->b(c)", "order=id.desc.nullsfirst.nullslast",
            "order=id&order=id", "order=*",
            "limit=", "limit=-1", "limit=+1", "limit=1.0", "limit=0x1", "limit=all", "limit=1;", "limit=99999999999999999999",
            "limit=\u{663}",
            "limit= 1", "limit=1&limit=1", "offset=-1", "offset=9007199254740993", "offset=1&offset=1",
            "select=rel(id)&rel.limit=1&rel.limit=2", "select=rel(id)&rel.order=id&rel.order=id", "select=rel(id)&rel.limit=x",
        ])
    func refusals(raw: String) throws {
        let error = #expect(throws: APIError.self) { try parse(raw) }
        #expect(error?.status == 400)
        #expect(error?.code == "PGRST100")
    }

    @Test(
        "is explained in PostgREST's words",
        arguments: [
            (
                "id=asdf", #""failed to parse filter (asdf)" (line 1, column 1)"#,
                #"unexpected "a" expecting "not" or operator (eq, gt, ...)"#
            ),
            (
                "id=not.asdf", #""failed to parse filter (not.asdf)" (line 1, column 5)"#,
                #"unexpected "a" expecting "not" or operator (eq, gt, ...)"#
            ),
            (
                "select=id,,b", #""failed to parse select parameter (id,,b)" (line 1, column 4)"#,
                #"unexpected "," expecting field name (* or [a..z0..9_$])"#
            ),
            (
                "order=%C3%A9,", #""failed to parse order (é,)" (line 1, column 3)"#,
                #"unexpected end of input expecting field name (* or [a..z0..9_$])"#
            ),
            (
                "or=(a.eq.1", #""failed to parse logic tree ((a.eq.1)" (line 1, column 8)"#,
                #"unexpected end of input expecting "," or ")""#
            ),
        ])
    func messages(raw: String, message: String, details: String) throws {
        let error = try #require(throws: APIError.self) { try parse(raw) }
        #expect(error.message == message)
        #expect(error.details == details)
    }

    @Test(
        "is refused on a write where it would mean nothing",
        arguments: [
            (Verb.insert, "id=eq.1"), (.insert, "or=(a.eq.1,b.eq.2)"), (.delete, "columns=id"), (.put, "columns=id"), (.read, "columns=id"),
            (.update, "on_conflict=id"), (.put, "on_conflict=id"), (.delete, "on_conflict=id"), (.read, "on_conflict=id"),
            (.insert, "columns="),
            (.insert, "columns=a,"), (.insert, "columns=a b,c;"), (.insert, "columns=a&columns=a"),
            (.insert, "on_conflict=a&on_conflict=a"),
            (.insert, "on_conflict="), (.call, "a=1"), (.call, "after="), (.callReading, "columns=a"), (.callReading, "rel.a=1"),
            (.callReading, "a->b=1"),
        ])
    func writes(verb: Verb, raw: String) {
        #expect(throws: APIError.self) { try parse(raw, verb) }
    }

    @Test("is quoted briefly") func excerpt() {
        let error = #expect(throws: APIError.self) { try parse("select=" + String(repeating: "a", count: 5000) + "(") }
        #expect((error?.message.utf8.count ?? 0) + (error?.details?.utf8.count ?? 0) < 400)
    }

    @Test("is refused for more conditions and deeper logic than the server takes on") func bounds() throws {
        func group(_ count: Int) -> String { "or=(" + Array(repeating: "a.eq.1", count: count).joined(separator: ",") + ")" }
        func nested(_ depth: Int) -> String {
            "or=(" + String(repeating: "and(", count: depth - 1) + "a.eq.1" + String(repeating: ")", count: depth)
        }
        #expect(throws: Never.self) { try parse(group(256)) }
        #expect(throws: APIError.self) { try parse(group(257)) }
        #expect(throws: APIError.self) { try parse(group(200) + "&" + group(57)) }
        #expect(throws: Never.self) { try parse(nested(16)) }
        #expect(throws: APIError.self) { try parse(nested(17)) }
        #expect(throws: APIError.self) { try parse(nested(3000)) }
        #expect(throws: Never.self) { try parse("a" + String(repeating: "->b", count: 64) + "=eq.1") }
        #expect(throws: APIError.self) { try parse("a" + String(repeating: "->b", count: 65) + "=eq.1") }
    }

    @Test("takes time in proportion to its length") func linear() throws {
        let long = 16_000
        func repeated(_ piece: String) -> String { String(repeating: piece, count: long / piece.utf8.count) }
        let hard = [
            "id=in.(" + repeated("%22"), "id=in.(" + repeated("%5C"), "id=in.(" + repeated("\",a"), "id=in.(" + repeated("\"\\,"),
            "or=(a.in.(" + repeated("\",a"), "or=(a.eq." + repeated("{,b.eq."), "or=(" + repeated("not."), "or=(" + repeated("a.eq.\"b,"),
            "select=" + repeated("a:"), "select=" + repeated(" "), "select=" + repeated("a("), "select=" + repeated("!a"),
            "select=" + repeated("->"),
            "select=" + repeated("a "), "order=" + repeated("a "), "order=" + repeated("\""), repeated("a.") + "=eq.1",
            repeated("->") + "=eq.1",
            "or=(" + repeated("and("), "and=" + repeated("("), "after=" + repeated("A"),
            (["select=" + (0..<32).map { "r\($0)(id)" }.joined(separator: ",")] + (0..<126).map { "r\($0 % 32).c=eq.1" }).joined(
                separator: "&"),
        ]
        let started = ContinuousClock.now
        for text in hard { for verb in [Verb.read, .callReading] { _ = try? parse(text, verb) } }
        #expect(ContinuousClock.now - started < .seconds(10))
    }
}

@Suite("A query string by what is done") struct ParseVerbTests {
    @Test("names the columns of a write once each, in an order of their own") func columns() throws {
        #expect(try parse(#"columns="b",a, a ,c"#, .insert).shape.columns?.map(\.string) == ["a", "b", "c"])
        #expect(try parse("columns=a", .update).shape.columns?.map(\.string) == ["a"])
        #expect(try parse("columns=a", .call).shape.columns?.map(\.string) == ["a"])
        #expect(try parse("on_conflict=b,a,b", .insert).shape.onConflict?.map(\.string) == ["b", "a"])
        #expect(try parse("", .insert).shape.columns == nil)
    }

    @Test("filters, orders and shapes what a write gives back") func writes() throws {
        #expect(try parse("order=id.desc&select=id,rel(id)&rel.limit=1&rel.a=eq.1&rel.offset=2", .insert).values == ["1", "2"])
        #expect(try parse("id=eq.1&order=id&or=(a.eq.1,b.eq.2)", .delete).shape.root.conditions.count == 2)
        #expect(try parse("id=eq.1", .put).shape.root.conditions.count == 1)
    }

    @Test("gives a function called by GET its arguments, and filters by the rest") func arguments() throws {
        let query = try parse(
            "name=x y&id=eq.1&items=a&items=b&empty=&%22Odd.Name%22=1&list={1,2}&like=in.(1&select=id&limit=1&not=eq&after=z&other=not.a&q=is.nul",
            .callReading)
        #expect(
            query.shape.arguments.map { "\($0.name.string)=\(query.values[$0.value])" } == [
                "name=x y", "items=a", "items=b", "empty=", "Odd.Name=1", "list={1,2}", "like=in.(1", "not=eq", "after=z", "other=not.a",
                "q=is.nul",
            ])
        #expect(query.shape.root.conditions.count == 1)
        #expect(query.values.count == 12)
        #expect(try parse("a=in.(1)x", .callHead).values == ["in.(1)x"])
        #expect(try parse("a=eq.1&limit=3&order=a", .call).shape.arguments.isEmpty)
    }

    @Test("has one shape whatever the values") func shapes() throws {
        #expect(try parse("a=eq.1&b=in.(1,2)&limit=101").shape == parse("a=eq.x&b=in.()&limit=999").shape)
        #expect(try parse("a=eq.1").shape != parse("a=neq.1").shape)
        #expect(try parse("limit=1").shape != parse("limit=2").shape)
        #expect(try parse("K=eq.1").shape != parse("%E2%84%AA=eq.1").shape)
    }
}
