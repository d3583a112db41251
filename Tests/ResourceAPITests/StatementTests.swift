import Postgres
import Testing

@testable import ResourceAPI

@Suite("The statement of a request") struct StatementTests {
    @Test("reads as one aggregate over the rows") func read() throws {
        #expect(
            try ResourceEngine.text(.read, "customers", "select=id,n:name&name=eq.x&order=name.desc&limit=20&offset=5")
                == #"SELECT CASE WHEN octet_length(body::pg_catalog.text) <= 16777216 THEN body END, count FROM (SELECT coalesce(json_agg(sallyport_row.*), '[]') AS body, count(*) AS count FROM (SELECT t."id", t."name" AS "n" FROM "api"."customers" AS t "#
                + #"WHERE t."name" = $1 ORDER BY t."name" DESC LIMIT 20 OFFSET $2) AS sallyport_row) AS sallyport_answer"#)
    }

    @Test("counts by the same filter") func count() throws {
        #expect(
            try ResourceEngine.text(.head, "customers", "id=in.(a,b)&limit=1", prefer: ["count=exact"])
                == #"SELECT count, CASE WHEN count < 1 THEN count ELSE "#
                + #"(SELECT count(*) FROM (SELECT FROM "api"."customers" AS t WHERE t."id" = ANY ($1)) AS sallyport_counted) END FROM "#
                + #"(SELECT count(*) AS count FROM (SELECT FROM "api"."customers" AS t WHERE t."id" = ANY ($1) LIMIT 1) AS sallyport_row) "#
                + "AS sallyport_answer")
    }

    @Test("writes without an answer as the bare command") func minimal() throws {
        #expect(
            try ResourceEngine.text(.insert, "customers", body: #"{"name":"x","email":null}"#)
                == #"INSERT INTO "api"."customers" AS t ("email", "name") SELECT b."email", b."name" FROM json_to_record($1) AS b "#
                + #"("email" text, "name" text)"#)
        #expect(
            try ResourceEngine.text(.update, "customers", "id=eq.1", body: #"{"name":"x"}"#)
                == #"UPDATE "api"."customers" AS t SET "name" = b."name" FROM json_to_record($1) AS b ("name" text) WHERE t."id" = $2"#)
        #expect(try ResourceEngine.text(.delete, "customers", "id=eq.1") == #"DELETE FROM "api"."customers" AS t WHERE t."id" = $1"#)
        #expect(try ResourceEngine.text(.insert, "customers", body: "{}") == #"INSERT INTO "api"."customers" AS t DEFAULT VALUES"#)
    }

    @Test("returns the columns that are asked for, and no others") func representation() throws {
        let text = try ResourceEngine.text(
            .delete, "customers", "phone=eq.1&select=n:name&order=email", prefer: ["return=representation"])
        #expect(
            text == #"WITH sallyport_source AS (DELETE FROM "api"."customers" AS t WHERE t."phone" = $1 RETURNING t."name", t."email") "#
                + #"SELECT CASE WHEN octet_length(body::pg_catalog.text) <= 16777216 THEN body END, count FROM (SELECT coalesce(json_agg(sallyport_row.*), '[]') AS body, count(*) AS count FROM (SELECT t."name" AS "n" FROM sallyport_source AS t "#
                + #"ORDER BY t."email") AS sallyport_row) AS sallyport_answer"#)
    }

    @Test("is the same object for two requests of one shape") func shapes() throws {
        let engine = ResourceEngine(catalog: SampleCatalog.catalog)
        func operation(_ query: String, body: String? = nil) throws -> Operation {
            try engine.prepare(
                ResourceRequest(
                    verb: body == nil ? .read : .insert, name: "customers", rawQuery: query[...], body: body.map { Array($0.utf8) })
            ).operation
        }
        #expect(try operation("id=eq.1&limit=200") === operation("id=eq.2&limit=200"))
        #expect(try operation("limit=201") === operation("limit=203"))
        #expect(try operation("id=eq.1") !== operation("id=neq.1"))
        #expect(try operation("", body: #"{"name":1,"email":2}"#) === operation("", body: #"{"email":3,"name":4}"#))
    }

    @Test("is found again for the same list, and not for one that differs in a byte") func repeated() throws {
        let engine = ResourceEngine(catalog: SampleCatalog.catalog)
        func prepare(_ query: String, _ prefer: [String] = [], verb: Verb = .read) throws -> PreparedRequest {
            try engine.prepare(ResourceRequest(verb: verb, name: "customers", rawQuery: query[...], prefer: prefer))
        }
        for _ in 0..<2 {
            #expect(try prepare("limit=20&offset=5").offset == 5)
            #expect(try prepare("limit=20&offset=6").offset == 6)
            #expect(try prepare("limit=333").query.values == ["333"])
            #expect(try prepare("id=eq.a").query.values == ["a"])
            #expect(try prepare("id=eq.b").query.values == ["b"])
            #expect(try prepare("", ["count=exact"]).preferences.count == .exact)
            #expect(try prepare("").preferences.count == nil)
            #expect(try prepare("", verb: .head).operation.verb == .head)
            #expect(throws: APIError.self) { try prepare("select=\u{212A}") }
        }
    }

    @Test("quotes identifiers") func quoting() throws {
        let text = try ResourceEngine.text(
            .read, #"odd "table"; --"#, #"select=%22x%22:%22a\%22b%22,%22%5C%22,(select 1)%22:sum&c d=eq.1"#.replacing(" ", with: "%20"))
        #expect(
            text == #"SELECT CASE WHEN octet_length(body::pg_catalog.text) <= 16777216 THEN body END, count FROM "#
                + #"(SELECT coalesce(json_agg(sallyport_row.*), '[]') AS body, "#
                + #"count(*) AS count FROM (SELECT t."a""b" AS "x", t."sum" AS """,(select 1)" "#
                + #"FROM "api"."odd ""table""; --" AS t WHERE t."c d" = $1) AS sallyport_row) AS sallyport_answer"#)
    }

    @Test(
        "carries no value in its text",
        arguments: ["'; DROP TABLE api.customers; --", "1 OR true", "$1", "\\", "\"", "{}", "NULL", "')"])
    func values(value: String) throws {
        let encoded = value.utf8.map { "%" + String(0x100 + Int($0), radix: 16).dropFirst() }.joined()
        let quoted = encoded.replacing("%5c", with: "%5c%5c").replacing("%22", with: "%5c%22")
        for form in ["eq.\(encoded)", "not.like.\(encoded)", "in.(\"\(quoted)\")"] {
            let plain = form.hasPrefix("eq") ? "eq.x" : form.hasPrefix("in") ? "in.(x)" : "not.like.x"
            let prepared = try ResourceEngine.prepared(.read, "customers", "name=\(form)")
            #expect(prepared.operation.statement?.statement.text == (try ResourceEngine.text(.read, "customers", "name=\(plain)")))
            #expect(prepared.query.values.count == 1)
        }
    }
}

@Suite("What the catalog does not have") struct RefusalTests {
    @Test(
        "is an unknown table",
        arguments: ["customer", "Customers", "api.customers", "customers ", "pg_class", "", "\"customers\"", "customers;--"])
    func tables(name: String) {
        let error = ResourceEngine.refusal(.read, name)
        #expect(error?.status == 404)
        #expect(error?.code == "PGRST205")
    }

    @Test(
        "is an unknown column, tenant_id too",
        arguments: ["tenant_id", "Name", "name2", "ctid", "xmin", "oid", "t", "customers", "\u{212A}"])
    func columns(name: String) {
        for (verb, query) in [
            (Verb.read, "\(name)=eq.1"), (.read, "select=\(name)"), (.read, "order=\(name)"), (.delete, "\(name)=is.null"),
            (.read, "select=x:\(name)::text"), (.update, "id=eq.1&\(name)=eq.1"), (.update, "id=eq.1&select=\(name)"),
        ] {
            let error = ResourceEngine.refusal(verb, "customers", query, body: #"{"name":"x"}"#)
            #expect(error?.status == 400, "\(query)")
            #expect(error?.code == "42703")
        }
        for (verb, query) in [(Verb.insert, ""), (.update, "id=eq.1")] {
            #expect(ResourceEngine.refusal(verb, "customers", query, body: "{\"\(name)\":\"x\"}")?.code == "PGRST204")
            #expect(ResourceEngine.refusal(verb, "customers", query + "&columns=\(name)", body: #"{"name":"x"}"#)?.code == "PGRST204")
        }
    }

    @Test("is matched byte for byte") func exact() throws {
        #expect(ResourceEngine.refusal(.read, #"odd "table"; --"#, "\u{212A}=eq.1")?.code == "42703")
        let engine = ResourceEngine(catalog: SampleCatalog.catalog)
        func prepare(_ key: String) throws {
            _ = try engine.prepare(
                ResourceRequest(verb: .insert, name: #"odd "table"; --"#, body: Array("{\"\(key)\":\"x\"}".utf8)))
        }
        try prepare("K")
        #expect(throws: APIError.self) { try prepare("\u{212A}") }
    }

    @Test("is a right") func rights() {
        for (verb, query) in [(Verb.insert, ""), (.update, "code=eq.EUR"), (.delete, "code=eq.EUR")] {
            let error = ResourceEngine.refusal(verb, "currencies", query, body: #"{"code":"x"}"#)
            #expect(error?.status == 403)
            #expect(error?.code == "42501")
        }
    }

    @Test("is a filter on a PATCH or DELETE") func unfiltered() {
        #expect(ResourceEngine.refusal(.update, "customers", "select=id", body: #"{"name":"x"}"#)?.code == "21000")
        #expect(ResourceEngine.refusal(.delete, "customers")?.code == "21000")
    }

    @Test(
        "or a body that fits",
        arguments: [
            (Verb.insert, #"[{"name":"a"},{"email":"b"}]"#, "PGRST102"), (.insert, "[{},{}]", "PGRST102"), (.insert, "", "PGRST102"),
            (.update, #"[{"name":"a"},{"name":"b"}]"#, "PGRST102"), (.update, "null", "PGRST102"),
        ])
    func bodies(verb: Verb, body: String, code: String) {
        #expect(ResourceEngine.refusal(verb, "customers", verb == .update ? "id=eq.1" : "", body: body)?.code == code)
    }

    @Test("or a value for what is computed") func computed() {
        #expect(ResourceEngine.refusal(.insert, #"odd "table"; --"#, body: #"{"computed":"x"}"#)?.code == "428C9")
    }

    @Test("or two columns under one name, or a name too long") func names() {
        #expect(ResourceEngine.refusal(.read, "customers", "select=a:id,a:name")?.code == "PGRST100")
        #expect(ResourceEngine.refusal(.read, "customers", "select=*,id") == nil)
        #expect(ResourceEngine.refusal(.read, "customers", "select=\(String(repeating: "a", count: 64)):id")?.code == "PGRST100")
    }

    @Test("and its errors have PostgREST's shape") func shape() {
        let error = APIError(400, "X", "a \"b\"", hint: "h")
        #expect(String(decoding: error.serialized(), as: UTF8.self) == #"{"code":"X","message":"a \"b\"","details":null,"hint":"h"}"#)
    }
}

@Suite("The bound on rows") struct RowBoundTests {
    @Test("applies to reads only, and to no smaller limit") func maximum() throws {
        let engine = ResourceEngine(catalog: SampleCatalog.catalog, maximumRows: 1000)
        func text(_ query: Substring, _ verb: Verb = .read) throws -> String? {
            try engine.prepare(ResourceRequest(verb: verb, name: "customers", rawQuery: query)).operation.statement?.statement.text
        }
        #expect(try text("")?.contains(" LIMIT 1000)") == true)
        #expect(try text("limit=5")?.contains(" LIMIT 5)") == true)
        #expect(try text("limit=1000")?.contains(" LIMIT 1000)") == true)
        #expect(try text("limit=5000")?.contains(" LIMIT least($1, 1000))") == true)
        #expect(try text("id=eq.1", .delete)?.contains("LIMIT") == false)
    }
}
