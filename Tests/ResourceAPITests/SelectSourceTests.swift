import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Reads of what a write gave back and of what a function returned.
@Suite("Reads of other sources", .enabled(if: TestDatabase.isConfigured)) struct SelectSourceTests {
    private func body(
        _ sample: ReadSample, _ query: String, of source: ReadPlan.Source, with write: (ReadPlan, inout StatementBuilder) -> String
    ) async throws -> String {
        let query = try Query(QueryString(query), for: .read)
        let plan = try ReadPlanner(catalog: sample.catalog, maximumRows: 1000).plan(query.shape.root, of: source)
        var builder = StatementBuilder()
        let command = write(plan, &builder)
        let text = "WITH \(ReadPlan.sourceName) AS (\(command)) \(builder.answer(plan, format: .json(stripsNulls: false)))"
        let row = try await sample.run(text, builder, query.values, TestDatabase.acme)
        return try row.decode(String.self, column: 0).split(separator: ", \n ").joined(separator: ",")
    }

    @Test("give back what was written, with its relations and functions") func written() async throws {
        try await ReadSample.with { sample async throws in
            let projects = ReadPlan.Source.written(try sample.catalog.table(named: "projects"))
            let update = { (plan: ReadPlan, builder: inout StatementBuilder) in
                "UPDATE api.projects AS t SET budget = 1\(builder.filter(plan, alias: "t")) RETURNING \(builder.returning(plan, alias: "t"))"
            }
            let cases = [
                (
                    "select=id,budget,worth,clients(name,label)&id=eq.1",
                    #"[{"id":1,"budget":1,"worth":2,"clients":{"name":"Ada","label":"Ada of Paris"}}]"#
                ),
                ("select=id,budget&budget=eq.1&order=id", #"[{"id":1,"budget":1}]"#),
                (
                    "select=id,...clients(c:name),tasks(id)&id=gte.2&order=id.desc&tasks.order=id",
                    #"[{"id":4,"c":null,"tasks":[]},{"id":3,"c":"Bob","tasks":[{"id":4}]},{"id":2,"c":"Ada","tasks":[{"id":3}]}]"#
                ),
                ("select=id,clients!inner()&order=id&id=gt.2", #"[{"id":3}]"#),
                ("select=count(),budget.sum()&id=lt.3", #"[{"count":2,"sum":2}]"#),
                ("select=id,clients()&clients=is.null", #"[{"id":4}]"#),
            ]
            for (query, expected) in cases {
                #expect(try await body(sample, query, of: projects, with: update) == expected, "\(query)")
            }
            let clients = ReadPlan.Source.written(try sample.catalog.table(named: "clients"))
            let made = try await body(sample, "select=label,big_projects(id)", of: clients) { plan, builder in
                "INSERT INTO api.clients AS t (id, name) VALUES (9, 'New') RETURNING \(builder.returning(plan, alias: "t"))"
            }
            #expect(made == #"[{"label":"New of nowhere","big_projects":[]}]"#)
        }
    }

    @Test("leave out rows deleted softly from what may be written, and show those just deleted") func deletion() async throws {
        try await ReadSample.with { sample async throws in
            let tasks = ReadPlan.Source.written(try sample.catalog.table(named: "tasks"))
            let deleted = try await body(sample, "select=id&order=id&id=gte.4", of: tasks) { plan, builder in
                "UPDATE api.tasks AS t SET deleted_at = now()\(builder.filter(plan, alias: "t")) RETURNING \(builder.returning(plan, alias: "t"))"
            }
            #expect(deleted == #"[{"id":4}]"#)
        }
    }

    @Test("read a function's rows like a table's, and its scalars as they are") func results() async throws {
        try await ReadSample.with { sample async throws in
            func function(_ result: Function.Result) -> ReadPlan.Source {
                .result(
                    Function(
                        schema: "api", name: "f", parameters: [], result: result, returnsSet: true, volatility: .stable, isDefiner: false,
                        comment: nil))
            }
            let projects = try sample.catalog.table(named: "projects")
            let rows = try await body(
                sample, "select=id,worth,clients(name)&order=id.desc&budget=gt.60", of: function(.relation(projects.id))
            ) {
                plan, _ in
                "SELECT f.*\(plan.needsWholeRow ? ", f AS \(ReadPlan.wholeRowColumn)" : "") FROM api.big_projects((SELECT c FROM api.clients AS c WHERE id = 1)) AS f"
            }
            #expect(rows == #"[{"id":1,"worth":200,"clients":{"name":"Ada"}}]"#)
            let column = Column(name: "n", type: "integer", isNullable: true, hasDefault: false, isGenerated: false, comment: nil)
            let columns = try await body(sample, "n=gt.2&order=n.desc&limit=2", of: function(.columns([column]))) { _, _ in
                "SELECT n FROM generate_series(1, 5) AS n"
            }
            #expect(columns == #"[{"n":5},{"n":4}]"#)
            let scalars = try await body(sample, "limit=2", of: function(.scalar(type: "integer"))) { _, _ in
                "SELECT n AS \(ReadPlan.scalarColumn) FROM generate_series(1, 5) AS n"
            }
            #expect(scalars == "[1, 2]" || scalars == "[1,2]")
        }
    }
}
