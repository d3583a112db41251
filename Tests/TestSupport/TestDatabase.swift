import Database
public import FoundationEssentials
import Logging
public import Postgres

/// A database of its own on the cluster that `SALLYPORT_TEST_DATABASE_URL` names (a superuser's URL), migrated as in production.
public struct TestDatabase: Sendable {
    public static let variable = "SALLYPORT_TEST_DATABASE_URL"

    /// Two tenants, both with the demo's rows.
    public static let acme = UUID(uuidString: "11111111-1111-4111-8111-111111111111") ?? UUID()
    public static let globex = UUID(uuidString: "22222222-2222-4222-8222-222222222222") ?? UUID()

    public let name: String
    private let server: String

    /// The demo's rows: one statement, to be run inside a tenant.
    public static var demoRows: String { Database.demoRows() }

    /// What a superuser adds: a script of several statements.
    public static var superuserScript: String { Database.superuserScript() }

    /// For the trait `.enabled(if:)`.
    public static var isConfigured: Bool { ProcessInfo.processInfo.environment[variable] != nil }

    /// Makes a database, migrates it and adds the demo; drops it after `body`, whatever happens.
    public static func with<R: Sendable>(_ body: (TestDatabase) async throws -> R) async throws -> R {
        guard let server = ProcessInfo.processInfo.environment[variable] else { throw MissingVariable() }
        let database = TestDatabase(name: "sallyport_test_" + UUID().uuidString.lowercased().prefix(8), server: server)
        return try await turns.take {
            try await database.copy(template(on: server))
            do {
                let value = try await body(database)
                try await database.drop()
                return value
            } catch {
                try? await database.drop()
                throw error
            }
        }
    }

    /// Migrated once for the whole run; every test gets a copy, which takes a tenth of the time.
    private static func template(on server: String) async throws -> TestDatabase {
        try await templates.value(on: server)
    }

    private static let templates = TemplateDatabase()

    /// Tests run in parallel, and the cluster has a limited number of connections.
    private static let turns = Turns(3)

    /// The connection string for a role; a later parameter overrides an earlier one in libpq.
    public func connectionString(role: String) -> String {
        Self.connectionString(server, "user=\(role)", "dbname=\(name)")
    }

    public func withPool<R: Sendable>(role: String, _ body: (Postgres) async throws -> R) async throws -> R {
        var configuration = PostgresConfiguration(connectionString: connectionString(role: role))
        configuration.poolSize = 2
        return try await Postgres.withPool(configuration, logger: Self.logger, body)
    }

    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private static func connectionString(_ server: String, _ settings: String...) -> String {
        guard server.hasPrefix("postgres") else { return ([server] + settings).joined(separator: " ") }
        return server + (server.contains("?") ? "&" : "?") + settings.joined(separator: "&")
    }

    private func withServer(_ body: (Postgres) async throws -> Void) async throws {
        var configuration = PostgresConfiguration(connectionString: server)
        configuration.poolSize = 1
        try await Postgres.withPool(configuration, logger: Self.logger, body)
    }

    /// What belongs to a database and not to what is in it, such as who may connect, is not copied with it.
    private func copy(_ template: TestDatabase) async throws {
        try await withServer { postgres in
            try await postgres.execute(
                "CREATE DATABASE \(identifier: name) OWNER sallyport_owner TEMPLATE \(identifier: template.name)")
            try await postgres.execute("REVOKE ALL ON DATABASE \(identifier: name) FROM PUBLIC")
            try await postgres.execute("GRANT CONNECT ON DATABASE \(identifier: name) TO sallyport_auth, sallyport_api")
        }
    }

    fileprivate static func migrated(on server: String) async throws -> TestDatabase {
        let database = TestDatabase(name: "sallyport_test_" + UUID().uuidString.lowercased().prefix(8), server: server)
        try await database.create()
        try await database.migrate()
        return database
    }

    private func create() async throws {
        try await withServer { postgres in
            // Other tests may be making the role too.
            try await postgres.execute(
                """
                DO $$ BEGIN CREATE ROLE sallyport_owner LOGIN CREATEROLE;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
                """)
            try await postgres.execute("CREATE DATABASE \(identifier: name) OWNER sallyport_owner TEMPLATE template0")
        }
    }

    private func drop() async throws {
        try await withServer { try await $0.execute("DROP DATABASE IF EXISTS \(identifier: name) WITH (FORCE)") }
    }

    private func migrate() async throws {
        let configuration = PostgresConfiguration(connectionString: connectionString(role: "sallyport_owner"))
        _ = try await Migrator(configuration, migrations: Database.migrations(), logger: Self.logger).migrate()
        try await withPool(role: "sallyport_owner") { postgres in
            try await postgres.execute("\(unescaped: Database.demoTables())")
            for tenant in [Self.acme, Self.globex] {
                _ = try await postgres.query("\(unescaped: Database.demoRows())", settings: .tenant(tenant))
            }
        }
    }
}

/// Makes the database that all others are copies of, when the first test asks for one.
private actor TemplateDatabase {
    private var making: Task<TestDatabase, any Error>?

    func value(on server: String) async throws -> TestDatabase {
        let task = making ?? Task { try await TestDatabase.migrated(on: server) }
        making = task
        return try await task.value
    }
}

/// The variable that names the cluster is not set.
public struct MissingVariable: Error, CustomStringConvertible {
    public var description: String { "\(TestDatabase.variable) is not set" }
}
