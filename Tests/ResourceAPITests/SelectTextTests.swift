import Postgres
import Testing

@testable import ResourceAPI

@Suite("The text of reads") struct SelectTextTests {
    private func text(_ table: String, _ query: String, maximumRows: Int? = 1000) throws -> (text: String, builder: StatementBuilder) {
        let query = try Query(QueryString(query), for: .read)
        let catalog = ReadSample.handMade
        let plan = try ReadPlanner(catalog: catalog, maximumRows: maximumRows).plan(
            query.shape.root, of: .table(try catalog.table(named: table)), after: query.shape.after)
        var builder = StatementBuilder()
        return (builder.rows(plan), builder)
    }

    @Test("depends on the shape of a request, not on its values") func shape() throws {
        let pairs = [
            ("id=eq.1&name=like.a*", "id=eq.2&name=like.*b"), ("id=in.(1,2)", "id=in.(3)"), ("offset=1", "offset=22"),
            ("limit=777", "limit=778"),
            ("order=name&after=\(QueryShape.Cursor.token(["a", "1"]))", "order=name&after=\(QueryShape.Cursor.token(["b", "2"]))"),
            ("select=id,projects(id)&projects.name=eq.a", "select=id,projects(id)&projects.name=eq.b"),
            ("or=(id.eq.1,name.eq.a)", "or=(id.eq.3,name.eq.' OR 1)"),
        ]
        for (left, right) in pairs { #expect(try text("clients", left).text == text("clients", right).text) }
        #expect(try text("clients", "limit=7").text != text("clients", "limit=8").text)
    }

    @Test("names nothing that the catalog does not know but quoted aliases and keys") func quoting() throws {
        let aliased = try text("clients", #"select="a\"b; --":id"#).text
        #expect(aliased == #"SELECT t."id" AS "a""b; --" FROM "api"."clients" AS t LIMIT 1000"#)
        let key = try text("clients", #"select=x:data->"a'b"->>"c\\d""#).text
        #expect(key == #"SELECT (t."data"->'a''b'->>E'c\\d') AS "x" FROM "api"."clients" AS t LIMIT 1000"#)
    }

    @Test("has every value as a parameter, bounds as bigint") func parameters() throws {
        let (text, builder) = try text("clients", "select=id&id=eq.1&name=in.(a)&limit=777&offset=3")
        #expect(
            text == #"SELECT t."id" FROM "api"."clients" AS t WHERE t."id" = $1 AND t."name" = ANY ($2) LIMIT least($3, 1000) OFFSET $4"#)
        #expect(builder.sources == [.value(0), .value(1), .value(2), .value(3)] || builder.sources.count == 4)
        #expect(builder.types == [.unknown, .unknown, .int8, .int8])
    }

    @Test("chooses rows before it looks at relations") func embeds() throws {
        #expect(
            try text("projects", "select=id,clients(name)&limit=20").text
                == #"SELECT t."id", (SELECT row_to_json(e1.*) FROM (SELECT t1."name" FROM "api"."clients" AS t1 "#
                + #"WHERE t1."id" = t."client_id") AS e1) AS "clients" FROM "api"."projects" AS t LIMIT 20"#)
        #expect(
            try text("clients", "select=id,projects!inner(name)&limit=20").text
                == #"SELECT t."id", (SELECT coalesce(json_agg(e1.*), '[]') FROM (SELECT t1."name" FROM "api"."projects" AS t1 "#
                + #"WHERE t1."client_id" = t."id" LIMIT 1000) AS e1) AS "projects" FROM "api"."clients" AS t "#
                + #"WHERE EXISTS (SELECT FROM "api"."projects" AS t1 WHERE t1."client_id" = t."id") LIMIT 20"#)
        #expect(
            try text("projects", "select=id,...clients(c:name)&limit=20&order=id").text
                == #"SELECT t."id", e1."c" AS "c" FROM (SELECT t."id", t."client_id" FROM "api"."projects" AS t ORDER BY t."id" LIMIT 20) AS t "#
                + #"LEFT JOIN LATERAL (SELECT t1."name" AS "c" FROM "api"."clients" AS t1 WHERE t1."id" = t."client_id") AS e1 ON TRUE "#
                + #"ORDER BY t."id""#)
    }

    @Test("goes on behind a row by one comparison, or by one for each direction") func cursors() throws {
        func condition(_ query: String, _ values: [String]) throws -> Substring {
            let text = try text("clients", "select=id&after=\(QueryShape.Cursor.token(values))&\(query)", maximumRows: nil).text
            return try #require(text.split(separator: " WHERE ").last?.split(separator: " ORDER BY").first)
        }
        #expect(try condition("", ["1"]) == #"t."id" > $1"#)
        #expect(try condition("order=name", ["a", "1"]) == #"(t."name", t."id") > ($1, $2)"#)
        #expect(try condition("order=name.desc", ["a", "1"]) == #"(t."name", t."id") < ($1, $2)"#)
        #expect(
            try condition("order=name.desc,id.asc", ["a", "1"])
                == #"t."name" <= $1 AND ((t."name" < $1) OR (t."name" = $1 AND t."id" > $2))"#)
    }
}
