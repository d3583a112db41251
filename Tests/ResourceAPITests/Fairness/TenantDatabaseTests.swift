import FoundationEssentials
import Logging
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("One database for all tenants", .enabled(if: TestDatabase.isConfigured)) struct TenantDatabaseTests {
    private static func caller(_ tenant: UUID, role: String = "user") throws -> Caller {
        let now = WallClock.system.now
        let claims = AccessTokenClaims(
            issuer: "https://id.example/t/x", subject: "someone", audience: "api", issuedAt: now, expiresAt: now + 600,
            tokenID: UUID().uuidString, clientID: try #require(ClientID("client")), scopes: try ScopeSet(parsing: "*:*"),
            tenant: try TenantSlug("x"), tenantID: TenantID(tenant), roles: [role])
        return Caller(claims, verifiedAt: now)
    }

    private static func with(
        pool: Int = 4, environment: [String: String] = [:], _ body: (TenantDatabase, Caller, Caller) async throws -> Void
    ) async throws {
        let limits = try await RoleLimitTable(Settings(environment: environment))
        try await TestDatabase.with { database in
            var configuration = PostgresConfiguration(connectionString: database.connectionString(role: "sallyport_api"))
            configuration.poolSize = pool
            try await Postgres.withPool(configuration, logger: .init(label: "test")) { postgres in
                let shared = TenantDatabase(postgres, limits: limits)
                try await body(shared, caller(TestDatabase.acme), caller(TestDatabase.globex))
            }
        }
    }

    private static let quick = SQLStatement("SELECT count(*) FROM api.customers")
    private static let slow = SQLStatement("SELECT pg_sleep($1)", parameterTypes: [.float8])

    /// The slowest of a hundred quick statements, one after the other, but for the five slowest.
    private static func latency(_ database: TenantDatabase, _ caller: Caller) async throws -> Duration {
        var times: [Duration] = []
        for _ in 0..<100 {
            let start = ContinuousClock.now
            _ = try await database.with(caller.settings).query(SQL(quick))
            times.append(start.duration(to: .now))
        }
        return times.sorted()[94]
    }

    @Test("Ten slow statements of one tenant at all times do not slow another's quick ones") func starvation() async throws {
        try await Self.with { database, heavy, light in
            _ = try await Self.latency(database, light)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        while !Task.isCancelled {
                            _ = try? await database.with(heavy.settings).query(SQL(Self.slow, [SQLParameter(0.2)]))
                        }
                    }
                }
                // From the first moment on, while it is not known yet that they are slow.
                let latency = try await Self.latency(database, light)
                #expect(latency < .milliseconds(100))
                group.cancelAll()
            }
        }
    }

    @Test("Nothing waits behind a statement that runs alone") func alone() async throws {
        try await Self.with(pool: 2) { database, heavy, light in
            _ = try await Self.latency(database, light)
            async let sleeping = database.with(heavy.settings).query(SQL(Self.slow, [SQLParameter(1.0)]))
            try await Task.sleep(for: .milliseconds(50))
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask { _ = try await database.with(light.settings).query(SQL(Self.quick)) }
                }
                try await group.waitForAll()
            }
            #expect(start.duration(to: .now) < .milliseconds(700))
            _ = try await sleeping
        }
    }

    @Test("A statement beyond the role's ceiling is refused before it runs; below it, and for another role, it runs") func ceiling()
        async throws
    {
        let limits = #"{"readonly": {"max_cost": 50}}"#
        try await Self.with(environment: ["SALLYPORT_API_ROLE_LIMITS": limits]) { database, user, _ in
            let reader = try Self.caller(TestDatabase.acme, role: "readonly")
            let costly: SQL = "SELECT count(*) FROM generate_series(1, \(100_000)) AS g"
            let refusal = await #expect(throws: APIError.self) {
                try await database.with(reader.settings).query(costly)
            }
            #expect(refusal?.status == 400 && refusal?.code == "54001")
            // No figure of the planner's, which knows all tenants' rows.
            #expect(refusal?.message == "The request is too costly" && refusal?.details == nil)
            #expect(refusal?.operatorDetail?.contains("limit of the role 50") == true)
            #expect(try await database.with(user.settings).query(costly).count == 1)
            let cheap: SQL = "SELECT count(*) FROM generate_series(1, \(10)) AS g"
            #expect(try await database.with(reader.settings).query(cheap).count == 1)
        }
    }

    @Test("What was cheap for one value or tenant lets no dear one pass") func values() async throws {
        let limits = #"{"readonly": {"max_cost": 40}}"#
        try await Self.with(environment: ["SALLYPORT_API_ROLE_LIMITS": limits]) { database, _, _ in
            let series = SQLStatement("SELECT count(*) FROM generate_series(1, $1) AS g", parameterTypes: [.int4])
            let readers = try [TestDatabase.acme, TestDatabase.globex].map { try Self.caller($0, role: "readonly").settings }
            func run(_ count: Int32, _ tenant: Int) async throws {
                _ = try await database.with(readers[tenant]).query(SQL(series, [SQLParameter(count)]))
            }
            // A tenth of the ceiling is near it: what costs more is explained each time.
            try await run(1000, 0)
            for tenant in [0, 1] {
                await #expect(throws: APIError.self, "\(tenant)") { try await run(1_000_000, tenant) }
            }
            try await run(1, 0)
            await #expect(throws: APIError.self, "another tenant's") { try await run(1_000_000, 1) }
            try await run(1000, 0)
            // Far below it, a dear one may pass once: it is slow, and watched from then on.
            try? await run(2_000_000, 0)
            for _ in 0..<3 {
                let refusal = await #expect(throws: APIError.self) { try await run(2_000_000, 0) }
                #expect(refusal?.code == "54001")
                try await run(1, 0)
            }
        }
    }

    @Test("The estimate is read from the plan's first line") func estimate() {
        #expect(CostCeiling.totalCost("Aggregate  (cost=1250.00..1250.01 rows=1 width=8)") == 1250.01)
        #expect(CostCeiling.totalCost("Seq Scan on \"(cost=1..2 rows\"  (cost=0.00..35.50 rows=2550 width=4)") == 35.5)
        #expect(CostCeiling.totalCost("Result  (rows=1 width=4)") == nil)
    }

    @Test("A role's statements end after its own time") func timeout() async throws {
        try await Self.with(environment: ["SALLYPORT_API_ROLE_LIMITS": #"{"readonly": {"statement_timeout_ms": 50}}"#]) {
            database, user, _ in
            let reader = try Self.caller(TestDatabase.acme, role: "readonly")
            let sleep = SQL(Self.slow, [SQLParameter(0.3)])
            await #expect(throws: PostgresError.self) { try await database.with(reader.settings).query(sleep) }
            #expect(try await database.with(user.settings).query(sleep).count == 1)
        }
    }

    @Test(
        "Limits that cannot be meant are refused",
        arguments: ["[]", "{", #"{"user": 5}"#, #"{"user": {"max_cost": 0}}"#, #"{"user": {"max_cost": "9"}}"#, #"{"user": {"cost": 9}}"#]
    )
    func malformedLimits(_ text: String) async throws {
        let settings = try await Settings(environment: ["SALLYPORT_API_ROLE_LIMITS": text])
        #expect(throws: SettingError.self) { try RoleLimitTable(settings) }
    }

    @Test("A role has its own limits, else those of all others") func roles() async throws {
        let table = try await RoleLimitTable(
            Settings(environment: [
                "SALLYPORT_API_MAX_COST": "1000",
                "SALLYPORT_API_ROLE_LIMITS": #"{"owner": {"max_cost": 5000}, "readonly": {"max_rows": 10}}"#,
            ]))
        #expect(table["owner"] == RoleLimits(maximumCost: 5000))
        #expect(table["readonly"] == RoleLimits(maximumCost: 1000, maximumRows: 10))
        #expect(table["Owner"] == RoleLimits(maximumCost: 1000))
        #expect(table[""] == RoleLimits(maximumCost: 1000))
    }
}
