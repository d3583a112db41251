import JSON
import Postgres
import Testing

@testable import ResourceAPI

@Suite("The statement of a write") struct WriteStatementTests {
    private static let values = #"SELECT b."email", b."id", b."name" FROM json_to_record($1) AS b ("email" text, "id" uuid, "name" text)"#
    private static let insert = #"INSERT INTO "api"."customers" AS t ("email", "id", "name") "# + values
    private static let body = #"{"name":"x","email":null,"id":"1"}"#

    @Test("merges by the primary key, to which the tenant belongs, and leaves the key alone") func merge() throws {
        #expect(
            try ResourceEngine.text(.insert, "customers", prefer: ["resolution=merge-duplicates"], body: Self.body)
                == "WITH sallyport_source AS (" + Self.insert
                + #" ON CONFLICT ("tenant_id", "id") DO UPDATE SET "email" = EXCLUDED."email", "name" = EXCLUDED."name" RETURNING t."id")"#
                + #" SELECT count(*) AS count, (SELECT count(*) FROM sallyport_source AS s WHERE NOT EXISTS "#
                + #"(SELECT FROM "api"."customers" AS o WHERE o."id" = s."id")) FROM sallyport_source"#)
        #expect(
            try ResourceEngine.text(.insert, "customers", prefer: ["resolution=ignore-duplicates"], body: Self.body)
                == Self.insert + #" ON CONFLICT ("tenant_id", "id") DO NOTHING"#)
        #expect(
            try ResourceEngine.text(
                .insert, "customers", "on_conflict=email,name", prefer: ["resolution=ignore-duplicates"], body: Self.body)
                == Self.insert + #" ON CONFLICT ("tenant_id", "email", "name") DO NOTHING"#)
        #expect(try ResourceEngine.text(.insert, "customers", "on_conflict=email", body: Self.body) == Self.insert)
    }

    @Test("puts under the key of the URL, and refuses where that made no row") func put() throws {
        let text = try #require(try ResourceEngine.text(.put, "customers", "id=eq.1", body: Self.body))
        #expect(
            text.hasPrefix("WITH sallyport_source AS (" + Self.insert + #" WHERE b."id" = $2 ON CONFLICT ("tenant_id", "id") DO UPDATE"#))
        #expect(text.contains("WHEN (SELECT count(*) FROM sallyport_source) <> 1 THEN sallyport.refuse('PGRST115', "))
    }

    @Test("gives a column that is left out its default only where that is asked for") func defaults() throws {
        let table = Table(
            schema: "api", name: "t", isShared: false, privileges: Set(Table.Privilege.allCases),
            columns: [
                Column(
                    name: #"o'c\k"#, type: "numeric(8,2)", isNullable: false, hasDefault: true, isGenerated: false, comment: nil,
                    defaultExpression: "(1 + 1)"),
                Column(name: "b", type: "text", isNullable: true, hasDefault: false, isGenerated: false, comment: nil),
            ], primaryKey: [])
        let engine = ResourceEngine(catalog: Catalog(schemas: ["api"], tables: [table]))
        func text(_ body: String, _ prefer: [String], _ verb: Verb = .insert) throws -> String? {
            let query: Substring = #"columns=%22o'c\\k%22,b"# + (verb == .update ? "&b=eq.1" : "")
            return try engine.prepare(
                ResourceRequest(verb: verb, name: "t", rawQuery: query, prefer: prefer, body: Array(body.utf8))
            ).operation.statement?.statement.text
        }
        let definitions = #"b ("b" text, "o'c\k" numeric(8,2))"#
        let value = #"CASE WHEN (r.body -> E'o''c\\k') IS NULL THEN ((1 + 1))::numeric(8,2) ELSE b."o'c\k" END"#
        #expect(
            try text("[{}]", []) == #"INSERT INTO "api"."t" AS t ("b", "o'c\k") SELECT b."b", b."o'c\k" FROM json_to_recordset($1) AS "#
                + definitions)
        #expect(
            try text("[{}]", ["missing=default"]) == #"INSERT INTO "api"."t" AS t ("b", "o'c\k") SELECT b."b", "# + value
                + " FROM json_array_elements($1) AS r (body) CROSS JOIN LATERAL json_to_record(r.body) AS " + definitions)
        #expect(
            try text("{}", ["missing=default"], .update) == #"UPDATE "api"."t" AS t SET "b" = b."b", "o'c\k" = "# + value
                + " FROM (SELECT $1) AS r (body) CROSS JOIN LATERAL json_to_record(r.body) AS " + definitions + #" WHERE t."b" = $2"#)
    }

    @Test("refuses too many rows behind what it wrote, by a number that is no part of its text") func maximumAffected() throws {
        func prepared(_ maximum: Int) throws -> PreparedRequest {
            try ResourceEngine.prepared(.delete, "customers", "id=eq.1", prefer: ["handling=strict, max-affected=\(maximum)"])
        }
        let (one, two) = (try prepared(1), try prepared(2))
        let text = try #require(one.operation.statement?.statement.text)
        #expect(
            text == #"WITH sallyport_source AS (DELETE FROM "api"."customers" AS t WHERE t."id" = $1 RETURNING 1) "#
                + "SELECT count(*) AS count, CASE WHEN (SELECT count(*) FROM sallyport_source) > $2 THEN sallyport.refuse('PGRST124', "
                + "'Query result exceeds max-affected preference constraint', "
                + "'The query affects ' || (SELECT count(*) FROM sallyport_source) || ' rows') END FROM sallyport_source")
        #expect(two.operation.statement?.statement.text == text)
        #expect(one.query.values == ["1", "1"] && two.query.values == ["1", "2"])
    }

    @Test("needs the scopes of what it does and of what it reads, and of nothing else") func scopes() throws {
        func scopes(_ verb: Verb, _ query: String = "", _ prefer: String = "", _ body: String? = nil) throws -> [String] {
            let operation = try ResourceEngine.prepared(verb, "customers", query, prefer: [prefer], body: body).operation
            return operation.requiredScopes.map { "\($0.resource):\($0.action)" }
        }
        let body = #"{"name":"x"}"#
        #expect(try scopes(.read) == ["customers:read"])
        #expect(try scopes(.head) == ["customers:read"])
        #expect(try scopes(.insert, "", "", body) == ["customers:write"])
        #expect(try scopes(.insert, "", "return=representation", body) == ["customers:write", "customers:read"])
        #expect(try scopes(.insert, "", "return=headers-only", body) == ["customers:write"])
        #expect(try scopes(.update, "id=eq.1&select=id", "return=minimal", body) == ["customers:write"])
        #expect(try scopes(.update, "id=eq.1", "return=representation", body) == ["customers:write", "customers:read"])
        #expect(try scopes(.update, "id=eq.1", "", "{}") == ["customers:write"])
        #expect(try scopes(.delete, "id=eq.1") == ["customers:delete"])
        #expect(try scopes(.delete, "id=eq.1", "return=representation") == ["customers:delete", "customers:read"])
        #expect(try scopes(.put, "id=eq.1", "", #"{"id":"1"}"#) == ["customers:write"])
    }
}
