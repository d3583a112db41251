import FoundationEssentials
import Glibc
import Hummingbird
import HummingbirdTesting
import Logging
import Postgres
import ServiceKit
import TestSupport
import Testing

@Suite("Clients that go", .enabled(if: TestDatabase.isConfigured)) struct DisconnectTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Sends a request whose statement takes a minute, as `departing` says ends the connection, and waits for the statement's end.
    ///
    /// - Returns: how long the statement outlived the connection.
    private static func statementAfter(_ departing: @Sendable @escaping (Int32) -> Void) async throws -> Duration {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_api") { postgres in
                let router = Router(context: ServiceContext.self)
                router.get("slow") { _, _ in
                    try await postgres.execute("SELECT pg_sleep(60)")
                    return Response(status: .ok)
                }
                let server = HTTPService.make(router.buildResponder(), listen: (host: "127.0.0.1", port: 0), logger: logger)
                return try await server.application.test(.live) { client in
                    let connection = try Loopback.connect(to: try #require(client.port))
                    defer { close(connection) }
                    let request = Array("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
                    #expect(write(connection, request, request.count) == request.count)
                    return try await database.withPool(role: "postgres") { observer in
                        try await wait(for: "the statement") { try await runningCount(observer) == 1 }
                        departing(connection)
                        let start = ContinuousClock.now
                        try await wait(for: "its end") { try await runningCount(observer) == 0 }
                        return start.duration(to: .now)
                    }
                }
            }
        }
    }

    private static func runningCount(_ postgres: Postgres) async throws -> Int {
        try await postgres.queryOne(
            """
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()
            """, as: Int.self)
    }

    private static func wait(for what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw ResourceAPIHarness.Timeout(what: what) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("A statement ends within a second of its client's connection") func closing() async throws {
        #expect(try await Self.statementAfter { shutdown($0, Int32(SHUT_RDWR)) } < .seconds(1))
    }

    @Test("A connection that is reset ends its statement too") func reset() async throws {
        let lifetime = try await Self.statementAfter { connection in
            // Nothing lingers: the kernel sends RST.
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            dup2(STDERR_FILENO, connection)
        }
        #expect(lifetime < .seconds(1))
    }
}
