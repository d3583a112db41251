import JSON
import Testing

@testable import ResourceAPI

@Suite("Planning a read") struct ReadPlanTests {
    private let catalog = ReadSample.handMade

    private func plan(_ table: String, _ query: String) throws -> ReadPlan {
        let query = try Query(QueryString(query), for: .read)
        return try ReadPlanner(catalog: catalog, maximumRows: 100).plan(
            query.shape.root, of: .table(try catalog.table(named: table)), after: query.shape.after)
    }

    private func refusal(_ table: String, _ query: String) throws -> APIError? {
        do {
            _ = try plan(table, query)
            return nil
        } catch {
            return try #require(error as? APIError)
        }
    }

    @Test("refuses several relationships with all of them") func ambiguity() throws {
        let error = try #require(try refusal("shipments", "select=places(id)"))
        #expect(error.status == 300 && error.code == "PGRST201")
        #expect(error.message == "Could not embed because more than one relationship was found for 'shipments' and 'places'")
        #expect(
            error.hint
                == "Try changing 'places' to one of the following: 'places!shipments_from_fkey', 'places!shipments_to_fkey'. "
                + "Find the desired relationship in the 'details' key.")
        let body = try JSONValue(parsing: error.serialized()).objectValue
        let details = try #require(body?["details"]?.arrayValue)
        #expect(details.count == 2)
        #expect(details[0].objectValue?["cardinality"]?.stringValue == "many-to-one")
        #expect(details[0].objectValue?["embedding"]?.stringValue == "shipments with places")
        #expect(details[0].objectValue?["relationship"]?.stringValue == "shipments_from_fkey using shipments(from_id) and places(id)")
        let junctions = try #require(try refusal("users", "select=users!follows(id)"))
        let first = try JSONValue(parsing: junctions.serialized()).objectValue?["details"]?.arrayValue?.first
        #expect(first?.objectValue?["cardinality"]?.stringValue == "many-to-many")
        #expect(
            first?.objectValue?["relationship"]?.stringValue
                == "follows using follows_follower_fkey(follower_id) and follows_followed_fkey(followed_id)"
        )
    }

    @Test(
        "refuses what is not related, with a guess at what is",
        arguments: [
            ("clients", "project", "Perhaps you meant 'projects' instead of 'project'."),
            ("clients", "prjects", "Perhaps you meant 'projects' instead of 'prjects'."), ("clients", "places", nil),
            ("projects", "clients!nothing", nil), ("projects", "user_tasks", nil),
            ("clients", "Projects", "Perhaps you meant 'projects' instead of 'Projects'."),
        ] as [(String, String, String?)])
    func unrelated(table: String, target: String, hint: String?) throws {
        let error = try #require(try refusal(table, "select=id,\(target)(id)"))
        #expect(error.status == 400 && error.code == "PGRST200")
        #expect(error.hint == hint)
    }

    @Test("words the refusals as PostgREST does") func words() throws {
        let none = try #require(try refusal("projects", "select=clients!nothing(id)"))
        #expect(none.message == "Could not find a relationship between 'projects' and 'clients' in the schema cache")
        #expect(
            none.details
                == "Searched for a foreign key relationship between 'projects' and 'clients' using the hint 'nothing' in the schema 'api', "
                + "but no matches were found.")
        let column = try #require(try refusal("projects", "select=nam"))
        #expect(column.message == "column projects.nam does not exist" && column.code == "42703" && column.status == 400)
        #expect(column.hint == "Perhaps you meant to reference the column \"projects.name\".")
        #expect(try refusal("projects", "zzzzzzzz=eq.1")?.hint == nil)
        let order = try #require(try refusal("clients", "select=projects()&order=projects(id)"))
        #expect(order.message == "A related order on 'projects' is not possible")
        #expect(order.details == "'clients' and 'projects' do not form a many-to-one or one-to-one relationship")
        let embedded = try #require(try refusal("clients", "order=projects(id)"))
        #expect(embedded.message == "'projects' is not an embedded resource in this request")
    }

    @Test(
        "bounds what one request asks for",
        arguments: [
            ((0..<33).map { "a\($0):clients(id)" }.joined(separator: ","), false),
            ((0..<32).map { "a\($0):clients(id)" }.joined(separator: ","), true),
            (String(repeating: "clients(projects(", count: 4) + "id" + String(repeating: "))", count: 4), true),
            (String(repeating: "clients(projects(", count: 4) + "clients()" + String(repeating: "))", count: 4), false),
            (String(repeating: "x", count: 63) + ":id", true), (String(repeating: "x", count: 64) + ":id", false),
        ])
    func bounds(select: String, isAccepted: Bool) throws {
        #expect(try refusal("projects", "select=\(select)")?.code == (isAccepted ? nil : "PGRST100"))
    }

    @Test("asks for reading every relation on the way") func scopes() throws {
        func scopes(_ table: String, _ query: String) throws -> [String] {
            try plan(table, query).requiredScopes.map { "\($0.resource):\($0.action)" }
        }
        #expect(try scopes("clients", "select=id") == ["clients:read"])
        #expect(try scopes("clients", "select=id,projects()&projects=is.null") == ["clients:read", "projects:read"])
        #expect(try scopes("users", "select=id,tasks(id)") == ["users:read", "user_tasks:read", "tasks:read"])
        #expect(try scopes("clients", "select=...projects(...tasks(id))") == ["clients:read", "projects:read", "tasks:read"])
        #expect(try scopes("clients", "select=top_project(id),projects(id)") == ["clients:read", "projects:read"])
    }

    @Test("needs of a write's rows only what is given back") func needs() throws {
        func needs(_ table: String, _ query: String) throws -> String {
            StatementBuilder().returning(try plan(table, query), alias: "t")
        }
        #expect(try needs("projects", "select=name&budget=gt.1&order=due") == #"t."name", t."due""#)
        #expect(try needs("projects", "select=clients(id)") == #"t."client_id""#)
        #expect(try needs("users", "select=name,tasks!inner()") == #"t."name", t."id""#)
        #expect(try needs("clients", "select=label") == "t AS sallyport_whole")
        #expect(try needs("clients", "select=") == "1")
    }

    @Test("refuses relations that the database role may not read") func privileges() throws {
        let hidden = Table(
            schema: "api", name: "hidden", isShared: false, privileges: [.insert],
            columns: [Column(name: "id", type: "int", isNullable: false, hasDefault: false, isGenerated: false, comment: nil)],
            primaryKey: ["id"])
        let shown = Table(schema: "api", name: "shown", isShared: false, privileges: [.select], columns: hidden.columns, primaryKey: ["id"])
        let catalog = Catalog(
            schemas: ["api"], tables: [hidden, shown],
            relationships: [
                Relationship(
                    source: shown.id, target: hidden.id,
                    cardinality: .manyToOne(constraint: "k", [.init(local: "id", foreign: "id")]))
            ])
        let planner = ReadPlanner(catalog: catalog, maximumRows: nil)
        #expect(throws: APIError(403, "42501", "permission denied for table hidden")) {
            try planner.plan(Selection(), of: .table(hidden))
        }
        let query = try Query(QueryString("select=hidden()"), for: .read)
        #expect(throws: APIError(403, "42501", "permission denied for table hidden")) {
            try planner.plan(query.shape.root, of: .table(shown))
        }
        #expect(try planner.plan(Selection(), of: .written(hidden)).output.count == 1)
    }
}
