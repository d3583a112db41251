import FoundationEssentials
import Postgres
import TestSupport

@testable import ResourceAPI

/// A database with every kind of relationship, the same keys in both tenants, and what reads of it answer.
struct ReadSample {
    let catalog: Catalog
    let postgres: Postgres
    var maximumRows: Int? = 1000

    /// - Parameter filled: with rows enough that indexes pay.
    static func with<R: Sendable>(filled: Bool = false, _ body: (ReadSample) async throws -> R) async throws -> R {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { postgres in
                for statement in definition { try await postgres.execute("\(unescaped: statement)") }
                for (tenant, mark) in [(TestDatabase.acme, ""), (TestDatabase.globex, "X")] {
                    _ = try await postgres.query("\(unescaped: rows(mark: mark))", settings: .tenant(tenant))
                    if filled { _ = try await postgres.query("\(unescaped: manyRows)", settings: .tenant(tenant)) }
                }
                if filled { try await postgres.execute("ANALYZE") }
            }
            return try await database.withPool(role: "sallyport_api") { postgres async throws in
                try await body(ReadSample(catalog: try await CatalogStore(schemas: ["api"]).load(from: postgres), postgres: postgres))
            }
        }
    }

    struct Answer {
        var body: String?
        var count: Int
        var total: Int?
        var cursor: String?
    }

    func plan(_ table: String, _ query: String, source: ((Table) -> ReadPlan.Source)? = nil) throws -> (ReadPlan, [String]) {
        let query = try Query(QueryString(query), for: .read)
        let table = try catalog.table(named: table)
        let planner = ReadPlanner(catalog: catalog, maximumRows: maximumRows)
        return (try planner.plan(query.shape.root, of: source?(table) ?? .table(table), after: query.shape.after), query.values)
    }

    func text(_ table: String, _ query: String) throws -> String {
        var builder = StatementBuilder()
        return builder.rows(try plan(table, query).0)
    }

    func read(
        _ table: String, _ query: String, format: AnswerFormat = .json(stripsNulls: false), countsAll: Bool = false,
        tenant: UUID = TestDatabase.acme
    ) async throws -> Answer {
        let (plan, values) = try plan(table, query)
        var builder = StatementBuilder()
        let text = builder.answer(plan, format: format, countsAll ? .all : nil)
        let row = try await run(text, builder, values, tenant)
        var answer = Answer(body: try row.decode(String?.self, column: 0), count: try row.decode(Int.self, column: 1))
        if countsAll { answer.total = try row.decode(Int.self, column: 2) }
        if plan.cursor != nil { answer.cursor = try row.decode(String?.self, column: countsAll ? 3 : 2) }
        answer.body = answer.body.map { $0.split(separator: ", \n ").joined(separator: ",") }
        return answer
    }

    /// The body; of a refusal, its code.
    func body(_ table: String, _ query: String, tenant: UUID = TestDatabase.acme) async -> String {
        do {
            return try await read(table, query, tenant: tenant).body ?? "null"
        } catch let error as APIError {
            return error.code
        } catch let error as PostgresError {
            if case .server(let error) = error { return "\(error.sqlState.rawValue) \(error.message)" }
            return "\(error)"
        } catch {
            return "\(error)"
        }
    }

    /// The number of rows without reading them, and the number of all.
    func count(_ table: String, _ query: String, tenant: UUID = TestDatabase.acme) async throws -> [Int] {
        let (plan, values) = try plan(table, query)
        var builder = StatementBuilder()
        let text = builder.count(plan, .all)
        let row = try await run(text, builder, values, tenant)
        return [try row.decode(Int.self, column: 0), try row.decode(Int.self, column: 1)]
    }

    func refusal(_ table: String, _ query: String) -> APIError? {
        do {
            _ = try plan(table, query)
            return nil
        } catch {
            return error as? APIError
        }
    }

    func run(_ text: String, _ builder: StatementBuilder, _ values: [String], _ tenant: UUID) async throws -> Row {
        let parameters = zip(builder.sources, builder.types).map { source, type in
            guard case .value(let index) = source else { return SQLParameter.null() }
            return type == .unknown ? .unknown(values[index]) : .text(values[index], as: type)
        }
        let statement = SQLStatement(text, parameterTypes: builder.types)
        let result = try await postgres.query(SQL(statement, parameters), settings: .tenant(tenant).adding("sallyport.scopes", "*:*"))
        guard let row = result.first else { throw PostgresError.unexpectedRowCount(0) }
        return row
    }
}

extension ReadSample {
    private static let tenantColumn = "tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant()"

    private static let definition: [String] =
        [
            """
            CREATE TABLE api.clients (\(tenantColumn), id int NOT NULL, name text NOT NULL, city text, data jsonb, raw json, tags text[],
                span int4range, doc tsvector, PRIMARY KEY (tenant_id, id))
            """,
            """
            CREATE TABLE api.profiles (\(tenantColumn), client_id int NOT NULL, bio text, PRIMARY KEY (tenant_id, client_id),
                CONSTRAINT profiles_client_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES api.clients)
            """,
            """
            CREATE TABLE api.projects (\(tenantColumn), id int NOT NULL, client_id int, name text NOT NULL, budget numeric, due date,
                PRIMARY KEY (tenant_id, id), CONSTRAINT projects_client_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES api.clients)
            """,
            """
            CREATE TABLE api.tasks (\(tenantColumn), id int NOT NULL, project_id int, title text, hours int,
                PRIMARY KEY (tenant_id, id), CONSTRAINT tasks_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES api.projects)
            """,
            """
            CREATE TABLE api.users (\(tenantColumn), id int NOT NULL, name text NOT NULL, boss_id int, PRIMARY KEY (tenant_id, id),
                CONSTRAINT users_boss_fkey FOREIGN KEY (tenant_id, boss_id) REFERENCES api.users)
            """,
            """
            CREATE TABLE api.user_tasks (\(tenantColumn), user_id int, task_id int, PRIMARY KEY (tenant_id, user_id, task_id),
                CONSTRAINT user_tasks_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES api.users,
                CONSTRAINT user_tasks_task_fkey FOREIGN KEY (tenant_id, task_id) REFERENCES api.tasks ON DELETE CASCADE)
            """,
            """
            CREATE TABLE api.follows (\(tenantColumn), follower_id int, followed_id int, PRIMARY KEY (tenant_id, follower_id, followed_id),
                CONSTRAINT follows_follower_fkey FOREIGN KEY (tenant_id, follower_id) REFERENCES api.users,
                CONSTRAINT follows_followed_fkey FOREIGN KEY (tenant_id, followed_id) REFERENCES api.users)
            """,
            "CREATE TABLE api.places (\(tenantColumn), id int NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id))",
            """
            CREATE TABLE api.shipments (\(tenantColumn), id int NOT NULL, from_id int, to_id int, count int, PRIMARY KEY (tenant_id, id),
                CONSTRAINT shipments_from_fkey FOREIGN KEY (tenant_id, from_id) REFERENCES api.places,
                CONSTRAINT shipments_to_fkey FOREIGN KEY (tenant_id, to_id) REFERENCES api.places)
            """,
        ]
        + ["clients", "profiles", "projects", "tasks", "users", "user_tasks", "follows", "places", "shipments"].map {
            "SELECT sallyport.enable_tenancy('api.\($0)')"
        } + [
            "CREATE VIEW api.paid_projects WITH (security_invoker) AS SELECT id, client_id, name, budget FROM api.projects WHERE budget > 60",
            "CREATE INDEX ON api.tasks (tenant_id, project_id)", "CREATE INDEX ON api.clients (tenant_id, name, id)",
            "SELECT sallyport.enable_soft_delete('api.tasks')", "SELECT sallyport.enable_tenancy('api.paid_projects')",
            "CREATE FUNCTION api.label(api.clients) RETURNS text STABLE LANGUAGE sql RETURN $1.name || ' of ' || coalesce($1.city, 'nowhere')",
            "CREATE FUNCTION api.worth(api.projects) RETURNS numeric STABLE LANGUAGE sql RETURN coalesce($1.budget, 0) * 2",
            """
            CREATE FUNCTION api.big_projects(api.clients) RETURNS SETOF api.projects STABLE LANGUAGE sql
            BEGIN ATOMIC SELECT * FROM api.projects p WHERE p.tenant_id = $1.tenant_id AND p.client_id = $1.id AND p.budget > 60; END
            """,
            """
            CREATE FUNCTION api.top_project(api.clients) RETURNS SETOF api.projects ROWS 1 STABLE LANGUAGE sql
            BEGIN ATOMIC SELECT * FROM api.projects p WHERE p.tenant_id = $1.tenant_id AND p.client_id = $1.id ORDER BY p.budget DESC; END
            """,
            "SELECT sallyport.expose('api.label(api.clients)'), sallyport.expose('api.worth(api.projects)')",
            "SELECT sallyport.expose('api.big_projects(api.clients)'), sallyport.expose('api.top_project(api.clients)')",
        ]

    private static let manyRows = """
        WITH c AS (INSERT INTO api.clients (id, name) SELECT g, 'c' || g FROM generate_series(10, 3000) AS g),
        p AS (INSERT INTO api.projects (id, client_id, name) SELECT g, g, 'p' || g FROM generate_series(10, 3000) AS g),
        t AS (INSERT INTO api.tasks (id, project_id, title) SELECT g, g / 2, 't' || g FROM generate_series(20, 6000) AS g),
        u AS (INSERT INTO api.users (id, name) SELECT g, 'u' || g FROM generate_series(10, 3000) AS g)
        INSERT INTO api.user_tasks (user_id, task_id) SELECT 10 + g % 2000, g FROM generate_series(20, 6000) AS g
        """

    /// - Parameter mark: put before every text, so that a row of another tenant would show.
    private static func rows(mark: String) -> String {
        """
        WITH c AS (
            INSERT INTO api.clients (id, name, city, data, raw, tags, span, doc) VALUES
                (1, '\(mark)Ada', '\(mark)Paris', '{"a": {"b": 7, "it''s": "\(mark)q"}, "l": [1, 2, {"k": "\(mark)v"}]}', '{"n": 1}', '{\(mark)x,y}', '[1,5)',
                    to_tsvector('english', '\(mark)cats running')),
                (2, '\(mark)Bob', '\(mark)Rome', '{"a": {"b": 9}, "l": []}', '{"n": 2}', '{y}', '[5,9)', to_tsvector('english', '\(mark)dogs')),
                (3, '\(mark)Cy', NULL, NULL, NULL, NULL, NULL, NULL)),
        f AS (INSERT INTO api.profiles (client_id, bio) VALUES (1, '\(mark)one'), (2, '\(mark)two')),
        p AS (
            INSERT INTO api.projects (id, client_id, name, budget, due) VALUES
                (1, 1, '\(mark)Alpha', 100, '2026-01-01'), (2, 1, '\(mark)Beta', 50, '2026-02-01'),
                (3, 2, '\(mark)Gamma', 70, '2026-01-01'), (4, NULL, '\(mark)Loose', NULL, NULL)),
        t AS (
            INSERT INTO api.tasks (id, project_id, title, hours, deleted_at) VALUES
                (1, 1, '\(mark)draw', 3, NULL), (2, 1, '\(mark)cut', 5, NULL), (3, 2, '\(mark)sew', 2, NULL), (4, 3, '\(mark)ship', 1, NULL),
                (5, 3, '\(mark)gone', 9, '2026-03-01')),
        u AS (INSERT INTO api.users (id, name, boss_id) VALUES (1, '\(mark)Rut', NULL), (2, '\(mark)Sam', 1), (3, '\(mark)Tim', 1), (4, '\(mark)Una', 2)),
        w AS (INSERT INTO api.user_tasks (user_id, task_id) VALUES (1, 1), (1, 2), (2, 1), (2, 3), (3, 4), (3, 5)),
        o AS (INSERT INTO api.follows (follower_id, followed_id) VALUES (1, 2), (1, 3), (2, 1)),
        l AS (INSERT INTO api.places (id, name) VALUES (1, '\(mark)Aa'), (2, '\(mark)Bb'), (3, '\(mark)Cc'))
        INSERT INTO api.shipments (id, from_id, to_id) VALUES (1, 1, 2), (2, 2, 3)
        """
    }
}

// MARK: A catalog made by hand, for what needs no database

extension ReadSample {
    static let handMade: Catalog = {
        let clients = table(
            "clients", ["id int!", "name text!", "city text", "data jsonb", "raw json", "tags text[]", "span int4range", "doc tsvector"])
        let profiles = table("profiles", ["client_id int!", "bio text"], key: ["client_id"])
        let projects = table("projects", ["id int!", "client_id int", "name text!", "budget numeric", "due date"])
        let tasks = table(
            "tasks", ["id int!", "project_id int", "title text", "hours int", "deleted_at timestamptz"],
            features: Table.Features(softDeleteColumn: "deleted_at"))
        let users = table("users", ["id int!", "name text!", "boss_id int"])
        let userTasks = table("user_tasks", ["user_id int!", "task_id int!"], key: ["user_id", "task_id"])
        let follows = table("follows", ["follower_id int!", "followed_id int!"], key: ["follower_id", "followed_id"])
        let places = table("places", ["id int!", "name text!"])
        let shipments = table("shipments", ["id int!", "from_id int", "to_id int", "count int"])
        let paid = table("paid_projects", ["id int", "client_id int", "name text", "budget numeric"], kind: .view)

        let big = function("big_projects", of: "clients", .relation(projects.id), returnsSet: true)
        let top = function("top_project", of: "clients", .relation(projects.id), returnsSet: true)
        var relationships: [Relationship] = []
        func key(_ name: String, _ from: Table, _ column: String, _ to: Table, isUnique: Bool = false) {
            let here = [Relationship.ColumnPair(local: column, foreign: "id")]
            let there = [Relationship.ColumnPair(local: "id", foreign: column)]
            relationships.append(
                Relationship(
                    source: from.id, target: to.id,
                    cardinality: isUnique ? .oneToOne(constraint: name, here, isParent: false) : .manyToOne(constraint: name, here)))
            relationships.append(
                Relationship(
                    source: to.id, target: from.id,
                    cardinality: isUnique ? .oneToOne(constraint: name, there, isParent: true) : .oneToMany(constraint: name, there)))
        }
        func link(_ junction: Table, _ left: (Table, String, String), _ right: (Table, String, String)) {
            for (source, target) in [(left, right), (right, left)] {
                let through = Relationship.Junction(
                    table: junction.id, sourceConstraint: source.2, sourceColumns: [.init(local: "id", foreign: source.1)],
                    targetConstraint: target.2, targetColumns: [.init(local: target.1, foreign: "id")])
                relationships.append(Relationship(source: source.0.id, target: target.0.id, cardinality: .manyToMany(through)))
            }
        }
        key("profiles_client_fkey", profiles, "client_id", clients, isUnique: true)
        key("projects_client_fkey", projects, "client_id", clients)
        key("projects_client_fkey", paid, "client_id", clients)
        key("tasks_project_fkey", tasks, "project_id", projects)
        key("tasks_project_fkey", tasks, "project_id", paid)
        key("users_boss_fkey", users, "boss_id", users)
        key("shipments_from_fkey", shipments, "from_id", places)
        key("shipments_to_fkey", shipments, "to_id", places)
        key("user_tasks_user_fkey", userTasks, "user_id", users)
        key("user_tasks_task_fkey", userTasks, "task_id", tasks)
        key("follows_follower_fkey", follows, "follower_id", users)
        key("follows_followed_fkey", follows, "followed_id", users)
        link(userTasks, (users, "user_id", "user_tasks_user_fkey"), (tasks, "task_id", "user_tasks_task_fkey"))
        link(follows, (users, "follower_id", "follows_follower_fkey"), (users, "followed_id", "follows_followed_fkey"))
        relationships.append(Relationship(source: clients.id, target: projects.id, cardinality: .computed(big, isToOne: false)))
        relationships.append(Relationship(source: clients.id, target: projects.id, cardinality: .computed(top, isToOne: true)))
        return Catalog(
            schemas: ["api"], tables: [clients, profiles, projects, tasks, users, userTasks, follows, places, shipments, paid],
            relationships: relationships,
            computedColumns: [
                clients.id: [function("label", of: "clients", .scalar(type: "text"))],
                projects.id: [function("worth", of: "projects", .scalar(type: "numeric"))],
            ])
    }()

    /// - Parameter columns: `name type`, with `!` for NOT NULL.
    private static func table(
        _ name: String, _ columns: [String], key: [String] = ["id"], kind: Table.Kind = .table, features: Table.Features = .init()
    ) -> Table {
        Table(
            schema: "api", name: name, kind: kind, isShared: false, privileges: Set(Table.Privilege.allCases),
            columns: columns.map { text in
                let parts = text.split(separator: " ").map(String.init)
                let type = parts[1].hasSuffix("!") ? String(parts[1].dropLast()) : parts[1]
                var column = Column(
                    name: parts[0], type: type, isNullable: !text.hasSuffix("!"), hasDefault: false, isGenerated: false, comment: nil)
                column.kind =
                    switch type {
                    case "text": .text
                    case "json": .json
                    case "jsonb": .jsonb
                    case "tsvector": .tsvector
                    case "text[]": .array
                    case "int4range": .range
                    default: .other
                    }
                return column
            }, primaryKey: kind == .table ? key : [], features: features)
    }

    private static func function(_ name: String, of table: String, _ result: Function.Result, returnsSet: Bool = false) -> Function {
        Function(
            schema: "api", name: name, parameters: [.init(name: "", type: "api.\(table)", hasDefault: false, isVariadic: false)],
            result: result, returnsSet: returnsSet, volatility: .stable, isDefiner: false, comment: nil)
    }
}
