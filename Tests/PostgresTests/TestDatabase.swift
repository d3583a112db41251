import FoundationEssentials
import Logging
import Postgres
import Synchronization
import Testing

/// A database of a test's own on the cluster `SALLYPORT_TEST_DATABASE_URL` names (as a superuser), dropped at the end.
struct TestDatabase {
    let name: String
    let url: String

    static var clusterURL: String {
        get throws {
            try #require(
                ProcessInfo.processInfo.environment["SALLYPORT_TEST_DATABASE_URL"],
                "SALLYPORT_TEST_DATABASE_URL must name a PostgreSQL superuser connection")
        }
    }

    static func with<R>(_ body: (TestDatabase) async throws -> R) async throws -> R {
        let cluster = try clusterURL
        let name = "sp_test_" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(16)
        try await Postgres.withPool(configuration(cluster), logger: quiet) { pool in
            _ = try await pool.execute("CREATE DATABASE \(identifier: name)")
        }
        let database = TestDatabase(name: name, url: replacingDatabase(in: cluster, with: name))
        do {
            let value = try await body(database)
            try await drop(name, cluster)
            return value
        } catch {
            try? await drop(name, cluster)
            throw error
        }
    }

    /// A pool on a database of its own.
    static func withPool<R>(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (Postgres, TestDatabase) async throws -> R
    ) async throws -> R {
        try await with { database in
            var configuration = database.configuration
            change(&configuration)
            return try await Postgres.withPool(configuration, logger: quiet) { try await body($0, database) }
        }
    }

    var configuration: PostgresConfiguration { Self.configuration(url) }

    /// For the test's own look at the server, apart from the pool under test.
    func withAdmin<R>(_ body: (Postgres) async throws -> R) async throws -> R {
        try await Postgres.withPool(configuration, logger: Self.quiet, body)
    }

    func terminateBackends(applicationName: String) async throws {
        var own = configuration
        own.applicationName = "terminator"
        try await Postgres.withPool(own, logger: Self.quiet) { pool in
            _ = try await pool.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = \(applicationName) AND pid <> pg_backend_pid()
                """)
        }
    }

    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    static func configuration(_ url: String) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(connectionString: url)
        configuration.poolSize = 4
        return configuration
    }

    private static func drop(_ name: String, _ cluster: String) async throws {
        try await Postgres.withPool(configuration(cluster), logger: quiet) { pool in
            _ = try await pool.execute("DROP DATABASE \(identifier: name) WITH (FORCE)")
        }
    }

    /// Both forms of connection strings: `postgresql://…/name?…` and `dbname=name …`.
    private static func replacingDatabase(in url: String, with name: String) -> String {
        guard url.hasPrefix("postgres") else { return url + " dbname=\(name)" }
        guard let schemeEnd = url.firstIndex(of: ":") else { return url }
        let authority = url.index(schemeEnd, offsetBy: 3)
        let rest = url[authority...]
        let query = rest.firstIndex(of: "?").map { String(rest[$0...]) } ?? ""
        let hosts = rest.prefix { $0 != "/" && $0 != "?" }
        return url[..<authority] + hosts + "/" + name + query
    }
}

/// Waits for something another connection does.
func expectEventually(
    within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it did not happen within \(limit)", sourceLocation: sourceLocation)
}

final class Tally: Sendable {
    private let value = Atomic<Int>(0)

    var count: Int { value.load(ordering: .relaxed) }

    func increment() { value.wrappingAdd(1, ordering: .relaxed) }
}
