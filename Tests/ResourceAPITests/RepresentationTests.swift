import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Domains with representations of their own", .enabled(if: TestDatabase.isConfigured)) struct RepresentationTests {
    private static let tenants = [TestDatabase.acme, TestDatabase.globex]

    /// With the paints in both tenants, one more in the second, and walls of them.
    private static func with(_ body: (TestAPI) async throws -> Void) async throws {
        try await TestAPI.with(setup: RepresentationFixture.setup) { api in
            for tenant in tenants {
                let paints = try await api.send(tenant, .insert, "paints", body: RepresentationFixture.paints)
                #expect(paints.status == 201, "\(paints.text)")
                let walls = try await api.send(
                    tenant, .insert, "walls",
                    body: #"[{"id":1,"paint":2,"area":10},{"id":2,"paint":1,"area":20},{"id":3,"paint":null,"area":5}]"#)
                #expect(walls.status == 201, "\(walls.text)")
                let nails = try await api.send(
                    tenant, .insert, "nails", body: #"[{"id":1,"wall":1},{"id":2,"wall":2},{"id":3,"wall":3},{"id":4,"wall":1}]"#)
                #expect(nails.status == 201, "\(nails.text)")
            }
            _ = try await api.send(TestDatabase.globex, .insert, "paints", body: ##"{"id":9,"color":"#999999"}"##)
            try await body(api)
        }
    }

    /// Reads of the first tenant, and what they answer.
    private static let reads: [(table: String, query: String, answer: String)] = [
        // What a cast to json renders, and what it does not: no cast, the other directions, a domain over it, arrays of it, casts that do
        // not count.
        ("paints", "select=id,color&order=id", ##"[{"id":1,"color":"#FF0000"},{"id":2,"color":"#00FF00"},{"id":3,"color":""}]"##),
        (
            "paints", "id=eq.1",
            ##"[{"id":1,"color":"#FF0000","shade":"#00FF00","tint":255,"hue":16,"plain":17,"deep":18,"colors":[1,2],"owned":19,"closed":20,"##
                + ##""loud":21,"doc":{"is": {"a": 1}}}]"##
        ),
        (
            "paints", "select=*&id=eq.3&limit=1",
            ##"[{"id":3,"color":"","shade":"","tint":null,"hue":null,"plain":null,"deep":null,"##
                + ##""colors":null,"owned":null,"closed":null,"loud":null,"doc":{"is": null}}]"##
        ),
        ("paints", "select=c:color,d:color&id=eq.1", ##"[{"c":"#FF0000","d":"#FF0000"}]"##),
        (
            "paints", "select=shade,*&id=eq.2&limit=1",
            ##"[{"shade":"#000001","id":2,"color":"#00FF00","tint":2,"hue":32,"plain":33,"deep":34,"##
                + ##""colors":[],"owned":35,"closed":36,"loud":37,"doc":{"is": {"a": 2}}}]"##
        ),
        // A cast of the request's own, a path and an aggregate are of the stored value.
        ("paints", "select=color::text,c:color::int&id=eq.1", ##"[{"color":"16711680","c":16711680}]"##),
        ("paints", "select=doc->a,b:doc->>a&id=eq.1", ##"[{"a":1,"b":"1"}]"##),
        ("paints", "select=color.max(),color.min(),n:color.count()", ##"[{"max":16711680,"min":65280,"n":2}]"##),
        (
            "paints", "select=color,n:count()&order=color.desc.nullslast",
            ##"[{"color":"#FF0000","n":1},{"color":"#00FF00","n":1},{"color":"","n":1}]"##
        ),
        (
            "paints", "select=c:color,count()&order=c.nullsfirst",
            ##"[{"c":"","count":1},{"c":"#00FF00","count":1},{"c":"#FF0000","count":1}]"##
        ),
        ("paints", "select=doc,count()&id=eq.1", ##"[{"doc":{"is": {"a": 1}},"count":1}]"##),
        // Order is by what is stored.
        ("paints", "select=color&order=color.desc.nullslast", ##"[{"color":"#FF0000"},{"color":"#00FF00"},{"color":""}]"##),
        ("paints", "select=c:color&order=c.nullsfirst", ##"[{"c":""},{"c":"#00FF00"},{"c":"#FF0000"}]"##),
        // Relations.
        (
            "walls", "select=id,paints(color,tint)&order=id",
            ##"[{"id":1,"paints":{"color":"#00FF00","tint":2}},{"id":2,"paints":{"color":"#FF0000","tint":255}},{"id":3,"paints":null}]"##
        ),
        (
            "paints", "select=color,walls(id,paints(shade))&id=eq.1",
            ##"[{"color":"#FF0000","walls":[{"id":2,"paints":{"shade":"#00FF00"}}]}]"##
        ),
        (
            "walls", "select=id,...paints(color)&order=paints(color)",
            ##"[{"id":1,"color":"#00FF00"},{"id":2,"color":"#FF0000"},{"id":3,"color":null}]"##
        ),
        (
            "walls", "select=id,...paints(c:color)&order=c.desc.nullslast",
            ##"[{"id":2,"c":"#FF0000"},{"id":1,"c":"#00FF00"},{"id":3,"c":null}]"##
        ),
        (
            "walls", "select=...paints(color),area.sum()&order=color",
            ##"[{"color":"#00FF00","sum":10},{"color":"#FF0000","sum":20},{"color":null,"sum":5}]"##
        ),
        ("walls", "select=...paints(doc),area.sum()&id=eq.2", ##"[{"doc":{"is": {"a": 1}},"sum":20}]"##),
        ("walls", "select=...paints(color.max())", ##"[{"max":16711680}]"##),
        ("paints", "select=id,...walls(paint)&id=eq.1", ##"[{"id":1,"paint":[2]}]"##.replacing("[2]", with: "[1]")),
        (
            "walls", "select=id,...paints(color)&order=id.desc&limit=2&offset=1",
            ##"[{"id":2,"color":"#FF0000"},{"id":1,"color":"#00FF00"}]"##
        ),
        (
            "nails", "select=id,...walls(w:id,...paints(color))&order=color.desc.nullslast,id",
            ##"[{"id":2,"w":2,"color":"#FF0000"},{"id":1,"w":1,"color":"#00FF00"},{"id":4,"w":1,"color":"#00FF00"},"##
                + ##"{"id":3,"w":3,"color":null}]"##
        ),
        (
            "nails", "select=...walls(...paints(color)),n:count()&order=color.nullsfirst",
            ##"[{"color":null,"n":1},{"color":"#00FF00","n":2},{"color":"#FF0000","n":1}]"##
        ),
        (
            "walls", "select=id,...nails(id2:id,walls(paints(color)))&id=eq.2",
            ##"[{"id":2,"id2":[2],"walls":[{"paints":{"color":"#FF0000"}}]}]"##
        ),
        // Views.
        ("dark", "select=*&order=id&limit=1", ##"[{"id":1,"color":"#FF0000","darker":"#7F8000","raw":16711680}]"##),
        // Filters.
        ("paints", "select=id&color=eq.%2300ff00", #"[{"id":2}]"#),
        ("paints", "select=id&color=eq.FF0000", #"[{"id":1}]"#),
        ("paints", "select=id&color=neq.FF0000", #"[{"id":2}]"#),
        ("paints", "select=id&color=not.eq.FF0000", #"[{"id":2}]"#),
        ("paints", "select=id&color=gt.00FF00", #"[{"id":1}]"#),
        ("paints", "select=id&color=lte.00FF00", #"[{"id":2}]"#),
        ("paints", "select=id&color=isdistinct.FF0000&order=id", #"[{"id":2},{"id":3}]"#),
        ("paints", "select=id&color=in.(FF0000,%2300FF00,123456)&order=id", #"[{"id":1},{"id":2}]"#),
        ("paints", "select=id&color=in.()", "[]"),
        ("paints", "select=id&color=not.in.(FF0000)", #"[{"id":2}]"#),
        ("paints", "select=id&color=eq(any).{FF0000,00FF00}&order=id", #"[{"id":1},{"id":2}]"#),
        ("paints", "select=id&color=gte(all).{FF0000,00FF00}", #"[{"id":1}]"#),
        ("paints", "select=id&color=lt(any).{FF0000,000001}", #"[{"id":2}]"#),
        ("paints", "select=id&or=(color.eq.FF0000,and(color.eq.00FF00,id.eq.2))&order=id", #"[{"id":1},{"id":2}]"#),
        ("paints", "select=id&color=is.null", #"[{"id":3}]"#),
        ("paints", "select=id&hue=eq.10", #"[{"id":1}]"#),
        ("paints", "select=id&tint=eq.255", #"[{"id":1}]"#),
        ("paints", "select=id&shade=eq.65280", #"[{"id":1}]"#),
        ("paints", "select=id&plain=in.(17)", #"[{"id":1}]"#),
        ("paints", "select=id&deep=eq.18", #"[{"id":1}]"#),
        ("paints", "select=id&colors=cs.{1}", #"[{"id":1}]"#),
        ("paints", "select=id&doc->a=eq.2", #"[{"id":2}]"#),
        ("dark", "select=id&darker=eq.7F8000", #"[{"id":1}]"#),
        ("walls", "select=id,paints(id)&paints.color=eq.FF0000&id=lt.3&order=id", #"[{"id":1,"paints":null},{"id":2,"paints":{"id":1}}]"#),
        ("walls", "select=id,paints!inner(color)&paints.color=in.(FF0000)", ##"[{"id":2,"paints":{"color":"#FF0000"}}]"##),
    ]

    @Test("are shown, filtered and ordered by, each where its cast says so and nowhere else") func reading() async throws {
        try await Self.with { api in
            for (table, query, expected) in Self.reads {
                let answer = try await api.send(TestDatabase.acme, .read, table, query)
                #expect(answer.status == 200 && answer.compact == expected, "\(query): \(answer.text)")
            }
            for tenant in Self.tenants {
                let other = try await api.send(tenant, .read, "paints", "select=id&color=eq.999999")
                #expect(other.rows.count == (tenant == TestDatabase.globex ? 1 : 0))
                let head = try await api.send(tenant, .head, "paints", "color=in.(FF0000,999999)", prefer: "count=exact")
                #expect(head.range == (tenant == TestDatabase.globex ? "0-1/2" : "0-0/1"))
            }
        }
    }

    @Test("are no patterns, and a value the function does not take is the client's mistake") func refusals() async throws {
        try await Self.with { api in
            for query in ["color=like.*FF", "color=ilike.*ff", "color=match.F", "color=eq.nonsense", "color=in.(FF0000,zz)", "tint=eq.zz"] {
                let answer = try await api.send(TestDatabase.acme, .read, "paints", query)
                #expect(answer.status == 400, "\(query): \(answer.text)")
            }
        }
    }

    @Test("are shown in every form of an answer") func forms() async throws {
        try await Self.with { api in
            let object = try await api.send(
                TestDatabase.acme, .read, "paints", "select=id,color&id=eq.1", accept: "application/vnd.pgrst.object+json")
            #expect(object.text == ##"{"id":1,"color":"#FF0000"}"##)
            #expect(object.headers["ETag"] != nil)
            let csv = try await api.send(TestDatabase.acme, .read, "paints", "select=id,color,tint,doc&order=id", accept: "text/csv")
            #expect(
                csv.text
                    == "id,color,tint,doc\n1,#FF0000,255,\"{\"\"is\"\": {\"\"a\"\": 1}}\"\n2,#00FF00,2,\"{\"\"is\"\": {\"\"a\"\": 2}}\"\n3,\"\",,\"{\"\"is\"\": null}\""
            )
            let result = try await api.send(TestDatabase.acme, .callReading, "some_paints", "select=color&id=eq.2&color=eq.00FF00")
            #expect(result.text == ##"[{"color":"#00FF00"}]"##)
            // What may change by itself has no tag.
            let changing = try await api.send(TestDatabase.acme, .read, "paints", "select=id,doc&id=eq.1")
            #expect(changing.status == 200 && changing.headers["ETag"] == nil)
            // Pages by key.
            let first = try await api.send(TestDatabase.acme, .read, "swatches", "after=&limit=1")
            #expect(first.status == 200 && first.rows.isEmpty)
            for color in ["#00000A", "#00000B", "#00000C"] {
                _ = try await api.send(TestDatabase.acme, .insert, "swatches", body: #"{"color":"\#(color)"}"#)
            }
            var cursor = ""
            var seen: [String?] = []
            for _ in 0..<3 {
                let page = try await api.send(TestDatabase.acme, .read, "swatches", "select=color&after=\(cursor)&limit=1")
                seen += page.rows.map { $0["color"]?.stringValue }
                cursor = page.headers["Next-Cursor"] ?? ""
            }
            #expect(seen == ["#00000A", "#00000B", "#00000C"])
        }
    }

    /// Inserts of one row or several, and what is stored of the first row.
    private static let inserts: [(body: String, query: String, prefer: String, type: String?, stored: String)] = [
        (##"{"id":50,"color":"#0000FF","tint":"#000010"}"##, "", "", nil, "255 16"),
        (##"[{"id":50,"color":"#0000FF","tint":"#000010"},{"id":51,"color":null,"tint":"#000011"}]"##, "", "", nil, "255 16"),
        (#"{"id":50,"color":null,"tint":null}"#, "", "", nil, "- -"),
        (#"{"id":50}"#, "columns=id,color,tint", "", nil, "- -"),
        (#"{"id":50}"#, "", "", nil, "255 -"),
        (#"{"id":50}"#, "columns=id,color,tint", "missing=default", nil, "255 -"),
        (#"{"id":50,"color":null}"#, "columns=id,color,tint", "missing=default", nil, "- -"),
        (##"[{"id":50,"color":"#000001"},{"id":51}]"##, "columns=id,color,tint", "missing=default", nil, "1 -"),
        ("id,color,tint\n50,#0000FF,000010\n51,NULL,000011", "", "", "text/csv", "255 16"),
        ("id=50&color=%230000FF&tint=000010", "", "", "application/x-www-form-urlencoded", "255 16"),
        (##"{"id":50,"color":"#0000FF","tint":"#000010"}"##, "on_conflict=id", "resolution=merge-duplicates", nil, "255 16"),
    ]

    @Test("are taken from bodies of every form") func inserting() async throws {
        try await Self.with { api in
            for (body, query, prefer, type, stored) in Self.inserts {
                let preferences = (prefer.isEmpty ? "" : prefer + ", ") + "return=representation"
                for tenant in Self.tenants {
                    let answer = try await api.send(tenant, .insert, "paints", query, prefer: preferences, body: body, type: type)
                    #expect(answer.status == 201, "\(body): \(answer.text)")
                    let color = try await api.send(tenant, .read, "paints", "select=color::text,tint::text,c:color&id=eq.50").rows.first
                    let found = [color?["color"], color?["tint"]].map { $0??.stringValue ?? "-" }.joined(separator: " ")
                    #expect(found == stored, "\(body) \(query) \(prefer)")
                    #expect(answer.rows.first?["color"] == color?["c"], "\(body)")
                    #expect(try await api.send(tenant, .delete, "paints", "id=gte.50&id=lt.60").status == 204)
                }
            }
            // No cast from json: what is stored is what is sent.
            let raw = try await api.send(TestDatabase.acme, .insert, "paints", body: ##"{"id":50,"hue":"#0000FF"}"##)
            #expect(raw.status == 400)
            let beyond = try await api.send(TestDatabase.acme, .insert, "paints", body: ##"{"id":50,"color":"#1000000"}"##)
            #expect(beyond.status == 400, "the domain's own check holds: \(beyond.text)")
        }
    }

    @Test("are taken from changes, merges and the URL of a PUT") func changing() async throws {
        try await Self.with { api in
            let change = try await api.send(
                TestDatabase.acme, .update, "paints", "color=eq.FF0000&select=id,color,tint", prefer: "return=representation",
                body: ##"{"color":"#0000FF","tint":"#000001"}"##)
            #expect(change.text == ##"[{"id":1,"color":"#0000FF","tint":1}]"##)
            let others = try await api.send(TestDatabase.globex, .read, "paints", "select=color&id=eq.1")
            #expect(others.text == ##"[{"color":"#FF0000"}]"##)

            let put = try await api.send(
                TestDatabase.acme, .put, "swatches", "color=eq.%23ABCDEF&select=color,name", prefer: "return=representation",
                body: ##"{"color":"#ABCDEF","name":"first"}"##)
            #expect(put.status == 201 && put.text == ##"[{"color":"#ABCDEF","name":"first"}]"##, "\(put.text)")
            let again = try await api.send(
                TestDatabase.acme, .put, "swatches", "color=eq.abcdef", body: ##"{"color":"#ABCDEF","name":"second"}"##)
            #expect(again.status == 204, "\(again.text)")
            let mismatch = try await api.send(
                TestDatabase.acme, .put, "swatches", "color=eq.abcdee", body: ##"{"color":"#ABCDEF","name":"x"}"##)
            #expect(mismatch.code == "PGRST115")
            let merged = try await api.send(
                TestDatabase.acme, .insert, "swatches", prefer: "resolution=merge-duplicates, return=representation",
                body: ##"[{"color":"#ABCDEF","name":"third"},{"color":"#000001","name":"one"}]"##)
            #expect(merged.rows.count == 2, "\(merged.text)")
            #expect(try await api.send(TestDatabase.acme, .read, "swatches", "select=name&color=eq.ABCDEF").text == #"[{"name":"third"}]"#)
            #expect(try await api.send(TestDatabase.globex, .read, "swatches").rows.isEmpty)

            // The address of a new row is one that finds it.
            let made = try await api.send(
                TestDatabase.acme, .insert, "swatches", prefer: "return=headers-only", body: ##"{"color":"#00BEEF","name":"new"}"##)
            let location = try #require(made.headers["Location"])
            let query = try #require(location.split(separator: "?").last)
            #expect(query == "color=eq.%2300BEEF")
            #expect(try await api.send(TestDatabase.acme, .read, "swatches", "select=name&\(query)").text == #"[{"name":"new"}]"#)
            #expect(try await api.send(TestDatabase.acme, .delete, "swatches", "color=in.(00BEEF,ABCDEF)").status == 204)
            #expect(try await api.send(TestDatabase.acme, .read, "swatches", "select=color").text == ##"[{"color":"#000001"}]"##)
        }
    }

    @Test("name their functions exactly, never a neighbour that would take the same argument") func neighbours() async throws {
        try await TestDatabase.with { database async throws in
            let owner = RepresentationFixture.setup
            try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(owner) }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let catalog = try await CatalogStore(schemas: ["api"]).load(from: postgres)
                let api = TestAPI(engine: ResourceEngine(catalog: catalog), executor: ResourceExecutor(database: TenantDatabase(postgres)))
                _ = try await api.send(TestDatabase.acme, .insert, "paints", body: ##"{"id":1,"color":"#000001"}"##)
                #expect(try await api.send(TestDatabase.acme, .read, "paints", "select=color").text == ##"[{"color":"#000001"}]"##)
                try await database.withPool(role: "sallyport_owner") { postgres async throws in
                    _ = try await postgres.query("DROP CAST (api.color AS json)")
                    _ = try await postgres.query("DROP FUNCTION looks.color_json(api.color)")
                }
                for _ in 0..<2 {
                    let gone = try await api.send(TestDatabase.acme, .read, "paints", "select=color")
                    #expect(gone.status == 400 && gone.error?.suggestsStaleCatalog == true && !gone.text.contains("LEAK"), "\(gone.text)")
                }
                let newer = try await CatalogStore(schemas: ["api"]).load(from: postgres)
                let isSame = newer.isIdentical(to: catalog)
                #expect(!isSame)
                let current = TestAPI(engine: ResourceEngine(catalog: newer), executor: api.executor)
                #expect(try await current.send(TestDatabase.acme, .read, "paints", "select=color").text == #"[{"color":1}]"#)
            }
        }
    }

    @Test("leave statements without them as they are, and mark those with them as running code of others") func plans() async throws {
        try await TestAPI.with(setup: RepresentationFixture.setup) { api in
            func operation(_ verb: Verb, _ table: String, _ query: String, _ body: String? = nil) throws -> Operation {
                var request = ResourceRequest(verb: verb, name: table, rawQuery: query[...])
                request.body = body.map { Array($0.utf8) }
                return try api.engine.prepare(request).operation
            }
            let columns = try api.engine.catalog.table(named: "paints").columns.reduce(into: [String: Int]()) {
                $0[$1.name] = $1.casts.count
            }
            #expect(columns.filter { $0.value > 0 } == ["color": 3, "shade": 1, "tint": 1, "hue": 1, "doc": 1])
            for (query, isForeign) in [
                ("select=id", false), ("select=plain", false), ("select=color", true), ("select=color::text", false),
                ("select=id&color=eq.1", true),
                ("select=id&color=is.null", false), ("select=id&order=color", false), ("select=color.max()", false), ("select=tint", false),
                ("select=id&or=(id.eq.1,hue.eq.1)", true), ("select=id,walls(paints(color))", true), ("select=doc->a", false),
            ] {
                #expect(try operation(.read, "paints", query).runsForeignCode == isForeign, "\(query)")
            }
            #expect(try operation(.insert, "swatches", "", #"{"name":"x"}"#).runsForeignCode == false)
            #expect(try operation(.insert, "swatches", "", #"{"color":"x"}"#).runsForeignCode)
            #expect(try operation(.update, "swatches", "name=eq.x", #"{"color":"x"}"#).runsForeignCode)
            let plain = try operation(.read, "paints", "select=id,plain&plain=eq.1").statement
            #expect(plain.map { "\($0.statement.text)".contains("looks") } == false)
        }
    }

    private static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { _ = try await $0.batch(RepresentationFixture.setup) }
    }

    @Test("go through files in and out, and a wrong line is told by the column that is wrong") func files() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let token = try api.token(api.acme)
            func load(_ csv: String) async throws -> ResourceAPIHarness.Answer {
                try await api.send(.post, "paints/import", token: token, body: csv, headers: [.contentType: "text/csv"])
            }
            let wrong = try await load("id,color,tint\n1,#FF0000,zz\n2,#00FF00,000001\n")
            let line = wrong.json.objectValue?["lines"]?.arrayValue?.first?.objectValue
            #expect(
                line?["line"]?.intValue == 2 && line?["column"]?.stringValue == "tint" && line?["code"]?.stringValue == "22P02",
                "\(wrong.body)")
            let right = try await load("id,color,tint\n1,#FF0000,#000002\n2,,000001\n")
            #expect(right.status == .created, "\(right.body)")
            let csv = try await api.text(.get, "paints/export?select=id,color,tint,c:color::int&order=id", token: token)
            #expect(csv.body == "id,color,tint,c\n1,#FF0000,2,16711680\n2,\"\",1,\n")
            let lines = try await api.text(
                .get, "paints/export?select=id,color&order=id&limit=1", token: token, headers: [.accept: "application/x-ndjson"])
            #expect(lines.body == ##"{"id":1,"color":"#FF0000"}"## + "\n")
            let other = try await api.text(.get, "paints/export?select=id", token: api.token(api.globex))
            #expect(other.body == "id\n")
        }
    }

    @Test("are of no type in the document, read or written, each by its own cast") func document() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let schemas = try await api.send(.get, "", token: api.token(api.acme)).json.objectValue?["components"]?.objectValue?["schemas"]?
                .objectValue
            func type(_ column: String, _ component: String) -> JSONValue? {
                schemas?[component]?.objectValue?["properties"]?.objectValue?[column]?.objectValue?["type"]
            }
            #expect(type("word", "swatches") == nil)
            for written in ["swatches.new", "swatches.change"] { #expect(type("word", written) == ["string", "null"]) }
            #expect(type("name", "swatches") == ["string", "null"])
            #expect(schemas?["paints"]?.objectValue?["properties"]?.objectValue?["color"]?.objectValue?["default"] == nil)
        }
    }

    @Test("search by index as other columns do") func indexes() async throws {
        try await TestDatabase.with { database async throws in
            try await Self.prepare(database)
            try await database.withPool(role: "postgres") { postgres async throws in
                let rows: SQL = """
                    INSERT INTO api.swatches (tenant_id, color)
                    SELECT t, c FROM unnest(\([TestDatabase.acme, TestDatabase.globex].map(\.uuidString))::uuid[]) AS t, generate_series(1, 5000) AS c
                    """
                _ = try await postgres.query(rows)
                _ = try await postgres.query("ANALYZE api.swatches")
            }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let engine = ResourceEngine(catalog: try await CatalogStore(schemas: ["api"]).load(from: postgres), maximumRows: 1000)
                for query in ["color=eq.0000FF", "color=in.(0000FF,0000FE)", "select=name&color=eq(any).{1,2}", "color=lt.000003"] {
                    let prepared = try engine.prepare(ResourceRequest(verb: .read, name: "swatches", rawQuery: query[...]))
                    let statement = try #require(prepared.operation.statement).bind(prepared.query, nil)
                    let explanation = SQL(
                        SQLStatement("EXPLAIN " + statement.text, parameterTypes: statement.parameters.map(\.type)), statement.parameters)
                    let plan = try await postgres.query(explanation, settings: .tenant(TestDatabase.acme)).map {
                        try $0.decode(String.self)
                    }
                    #expect(plan.contains { $0.contains("Index Cond") && $0.contains("color") }, "\(query): \(plan)")
                }
            }
        }
    }

    @Test("shorten keys to base64, as PostgREST's documentation has it") func shortened() async throws {
        let setup: [SQL] = [
            "CREATE DOMAIN api.short_id AS uuid",
            "CREATE FUNCTION api.json(api.short_id) RETURNS json LANGUAGE sql IMMUTABLE AS $$SELECT to_json(encode(uuid_send($1), 'base64'))$$",
            """
            CREATE FUNCTION api.short_id(text) RETURNS api.short_id LANGUAGE sql IMMUTABLE AS $$SELECT encode(decode($1, 'base64'), 'hex')::uuid$$
            """,
            "CREATE FUNCTION api.short_id(json) RETURNS api.short_id LANGUAGE sql IMMUTABLE AS $$SELECT api.short_id($1 #>> '{}')$$",
            "CREATE CAST (api.short_id AS json) WITH FUNCTION api.json(api.short_id) AS IMPLICIT",
            "CREATE CAST (json AS api.short_id) WITH FUNCTION api.short_id(json) AS IMPLICIT",
            "CREATE CAST (text AS api.short_id) WITH FUNCTION api.short_id(text) AS IMPLICIT",
            "GRANT EXECUTE ON FUNCTION api.json(api.short_id), api.short_id(text), api.short_id(json) TO sallyport_api",
            "CREATE TABLE api.profiles (id api.short_id PRIMARY KEY, name text)", "SELECT sallyport.enable_tenancy('api.profiles')",
        ]
        try await TestAPI.with(setup: setup) { api in
            let keys = ["hGxP/ZLOTeeNEY4pkp9OxA==", "AAECAwQFBgcICQoLDA0ODw=="]
            for tenant in Self.tenants {
                for key in keys {
                    let made = try await api.send(
                        tenant, .insert, "profiles", prefer: "return=headers-only", body: #"{"id":"\#(key)","name":"x"}"#)
                    #expect(made.status == 201, "\(made.text)")
                    let location = try #require(made.headers["Location"]?.split(separator: "?").last)
                    #expect(
                        try await api.send(tenant, .read, "profiles", "select=id&\(location)").text == #"[{"id":"\#(key)"}]"#, "\(location)"
                    )
                }
                let listed = try await api.send(
                    tenant, .read, "profiles",
                    "select=id,stored:id::text&id=in.(\(keys.joined(separator: ",")),AAAAAAAAAAAAAAAAAAAAAA==)&order=id")
                #expect(listed.rows.map { $0["id"]?.stringValue } == [keys[1], keys[0]], "\(listed.text)")
                #expect(listed.rows.last?["stored"]?.stringValue == "846c4ffd-92ce-4de7-8d11-8e29929f4ec4")
            }
            #expect(try await api.send(TestDatabase.acme, .delete, "profiles", "id=eq.\(keys[0])").status == 204)
            #expect(try await api.send(TestDatabase.acme, .read, "profiles").rows.count == 1)
            #expect(try await api.send(TestDatabase.globex, .read, "profiles").rows.count == 2)
        }
    }

    @Test("may have any names") func names() async throws {
        let schema = #""loo\ks"" 'S; --""#
        let function = #""f$1 ') ""--""#
        let domain = #"api."Do main[]'""#
        let setup: [SQL] = [
            "CREATE SCHEMA \(unescaped: schema)", "GRANT USAGE ON SCHEMA \(unescaped: schema) TO sallyport_api",
            "CREATE DOMAIN \(unescaped: domain) AS text",
            """
            CREATE FUNCTION \(unescaped: schema).\(unescaped: function)(\(unescaped: domain)) RETURNS json LANGUAGE sql IMMUTABLE
                AS $$SELECT to_json('<' || $1 || '>')$$
            """,
            "CREATE CAST (\(unescaped: domain) AS json) WITH FUNCTION \(unescaped: schema).\(unescaped: function)(\(unescaped: domain)) AS IMPLICIT",
            """
            CREATE FUNCTION \(unescaped: schema).\(unescaped: function)(text) RETURNS \(unescaped: domain) LANGUAGE sql IMMUTABLE
                AS $$SELECT trim($1, '<>')$$
            """,
            "CREATE CAST (text AS \(unescaped: domain)) WITH FUNCTION \(unescaped: schema).\(unescaped: function)(text) AS IMPLICIT",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \(unescaped: schema) TO sallyport_api",
            "CREATE TABLE api.odd (\"c'\"\"d\" \(unescaped: domain) PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.odd')",
        ]
        try await TestAPI.with(setup: setup) { api in
            let made = try await api.send(
                TestDatabase.acme, .insert, "odd", prefer: "return=representation", body: #"{"c'\"d":"'; DROP TABLE api.odd; --"}"#)
            #expect(made.status == 201 && made.text == #"[{"c'\"d":"<'; DROP TABLE api.odd; -->"}]"#, "\(made.text)")
            let name = "%22c'%5C%22d%22"
            let value = "%3C';%20DROP%20TABLE%20api.odd;%20--%3E"
            for query in ["\(name)=eq.\(value)", "\(name)=in.(\"\(value)\")"] {
                let found = try await api.send(TestDatabase.acme, .read, "odd", query)
                #expect(found.rows.count == 1, "\(query): \(found.text)")
                #expect(try await api.send(TestDatabase.globex, .read, "odd", query).text == "[]")
            }
        }
    }
}
