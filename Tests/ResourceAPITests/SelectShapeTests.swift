import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// What PostgreSQL makes of the statements.
@Suite("Plans of reads", .enabled(if: TestDatabase.isConfigured)) struct SelectShapeTests {
    private func explain(_ sample: ReadSample, _ table: String, _ query: String, options: String)
        async throws
        -> [String]
    {
        let (plan, values) = try sample.plan(table, query)
        var builder = StatementBuilder()
        let text = "EXPLAIN (\(options)) \(builder.answer(plan, format: .json(stripsNulls: false)))"
        let parameters = zip(builder.sources, builder.types).compactMap { source, type -> SQLParameter? in
            guard case .value(let index) = source else { return nil }
            return type == .unknown ? .unknown(values[index]) : .text(values[index], as: type)
        }
        let statement = SQLStatement(text, parameterTypes: builder.types)
        var lines: [String] = []
        for row in try await sample.postgres.query(SQL(statement, parameters), settings: .tenant(TestDatabase.acme)) {
            lines.append(try row.decode(String.self, column: 0))
        }
        return lines
    }

    @Test("look at relations for the rows of the page and no others, though no index gives the order") func pages() async throws {
        try await ReadSample.with { sample async throws in
            for query in [
                "select=id,clients(name),tasks(id)&order=name.desc&limit=2",
                "select=id,clients(name),tasks(id)&order=name.desc&limit=2&clients.city=eq.Paris&tasks.order=hours",
                "select=id,clients(name,profiles(bio)),tasks(id)&order=due&limit=1&offset=1",
            ] {
                let lines = try await explain(sample, "projects", query, options: "ANALYZE, TIMING OFF, COSTS OFF")
                let scans = lines.filter { $0.contains(" on clients") || $0.contains(" on tasks") }
                #expect(scans.count == 2)
                for scan in scans { #expect(scan.contains("loops=2)"), "\(query): \(lines.joined(separator: "\n"))") }
            }
        }
    }

    @Test("reach related rows by indexes that the tenant leads, from either side") func indexes() async throws {
        try await ReadSample.with(filled: true) { sample async throws in
            let cases = [
                ("projects", "select=id,tasks(id)&id=eq.1", "(project_id = t.id)"),
                ("tasks", "select=id,projects(name)&id=eq.1", "(id = t.project_id)"),
                ("users", "select=id,tasks(id)&id=eq.1", "(user_id = t.id)"),
                ("tasks", "select=id,projects!inner(name)&projects.id=eq.3", "(id = 3)"),
                ("projects", "select=id,...clients(name)&id=eq.1", "(id = t.client_id)"),
                ("clients", "order=name,id&after=\(QueryShape.Cursor.token(["Ada", "1"]))&limit=1", "ROW(name, id) > ROW('Ada'::text, 1)"),
            ]
            for (table, query, condition) in cases {
                let lines = try await explain(sample, table, query, options: "COSTS OFF")
                let isReached = lines.contains { $0.contains("Index Cond: ((tenant_id = ") && $0.contains(condition) }
                #expect(isReached && !lines.contains { $0.contains("Seq Scan") }, "\(table)?\(query)\n\(lines.joined(separator: "\n"))")
            }
        }
    }

    @Test("compare extension types by the extension's operators, where the role may use its schema") func extensions() async throws {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { postgres in
                for statement in [
                    "CREATE EXTENSION citext SCHEMA public", "GRANT USAGE ON SCHEMA public TO sallyport_api",
                    "CREATE TABLE api.mails (id int PRIMARY KEY, address public.citext)", "SELECT sallyport.share('api.mails')",
                    "INSERT INTO api.mails VALUES (1, 'Ann@Example.com')",
                ] { try await postgres.execute("\(unescaped: statement)") }
            }
            try await database.withPool(role: "sallyport_api") { postgres async throws in
                let sample = ReadSample(catalog: try await CatalogStore(schemas: ["api"]).load(from: postgres), postgres: postgres)
                #expect(await sample.body("mails", "select=id&address=eq.ann@example.com") == #"[{"id":1}]"#)
                #expect(await sample.body("mails", "select=id&address=in.(ANN@EXAMPLE.COM)") == #"[{"id":1}]"#)
            }
        }
    }
}
