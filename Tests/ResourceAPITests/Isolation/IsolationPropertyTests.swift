import FoundationEssentials
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Two worlds: in both a tenant has the same rows; in one there is another tenant with other rows under the same keys, in the other there
/// is none. The tenant sends the same requests to both. If nothing of the other tenant shows, counts or changes, nothing tells the worlds
/// apart: not the answers, not the errors, not what is stored afterwards. And the other's rows stay as they were.
///
/// `SALLYPORT_ISOLATION_REQUESTS` says how many requests (default 10000), `SALLYPORT_ISOLATION_SEED` repeats a run.
@Suite("Isolation of tenants", .enabled(if: TestDatabase.isConfigured), .serialized) struct IsolationPropertyTests {
    private static let requestsPerSchema = 1000
    private static let environment = ProcessInfo.processInfo.environment

    @Test("holds for random requests on random schemas") func holds() async throws {
        let count = Self.environment["SALLYPORT_ISOLATION_REQUESTS"].flatMap { Int($0) } ?? 10_000
        let seed = Self.environment["SALLYPORT_ISOLATION_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)
        var statuses: [Int: Int] = [:]
        var sent = 0
        var round: UInt64 = 0
        while sent < count {
            let requests = min(Self.requestsPerSchema, count - sent)
            let failure = try await Self.round(seed: seed &+ round, requests: requests, &statuses)
            if let failure {
                Issue.record("\(failure)\nSALLYPORT_ISOLATION_SEED=\(seed &+ round) SALLYPORT_ISOLATION_REQUESTS=\(requests)")
                return
            }
            sent += requests
            round += 1
        }
        // A test whose requests all fail proves nothing.
        let successes = statuses.filter { $0.key < 300 }.values.reduce(0, +)
        #expect(successes * 2 > sent, "\(statuses)")
        #expect(statuses[500] == nil, "\(statuses)")
    }

    @Test(
        "is seen to be broken when it is",
        arguments: [
            "ALTER TABLE api.t0 DISABLE ROW LEVEL SECURITY", "ALTER TABLE api.junction DISABLE ROW LEVEL SECURITY",
            "DO $$ BEGIN ALTER VIEW api.v0 SET (security_invoker = false); ALTER VIEW api.v0 OWNER TO postgres; END $$",
            "DO $$ BEGIN ALTER FUNCTION api.total() SECURITY DEFINER; ALTER FUNCTION api.total() OWNER TO postgres; END $$",
            "ALTER POLICY sallyport_tenancy ON api.t1 USING (true)",
        ])
    func sabotage(_ statement: String) async throws {
        var statuses: [Int: Int] = [:]
        let failure = try await Self.round(seed: 4, requests: 2000, sabotage: "\(unescaped: statement)", &statuses)
        #expect(failure != nil)
    }

    /// - Returns: what went wrong; nil if nothing did.
    ///
    /// - Parameter sabotage: what a superuser does to both worlds once the catalog is read.
    private static func round(seed: UInt64, requests: Int, sabotage: SQL? = nil, _ statuses: inout [Int: Int]) async throws -> String? {
        let schema = RandomSchema(seed: seed)
        var seen: [Int: Int] = [:]
        let failure = try await World.with(schema, seed: seed, others: true) { crowded in
            try await World.with(schema, seed: seed, others: false) { lonely async throws -> String? in
                if let sabotage { for world in [crowded, lonely] { _ = try await world.all.query(sabotage) } }
                var random = RandomRequests(
                    catalog: crowded.api.engine.catalog, names: schema.names, words: ["alpha", RandomSchema.mark], seed: seed)
                for _ in 0..<requests {
                    let request = random.next()
                    let (one, two) = (
                        try await crowded.api.send(TestDatabase.acme, request), try await lonely.api.send(TestDatabase.acme, request)
                    )
                    seen[one.status, default: 0] += 1
                    if let difference = difference(request, one, two) { return difference }
                    guard !request.verb.isRead || request.verb == .call else { continue }
                    if try await crowded.fingerprint(of: TestDatabase.globex) != crowded.untouched {
                        return "the other tenant's rows were changed by \(request)"
                    }
                    let (mine, same) = (
                        try await crowded.fingerprint(of: TestDatabase.acme), try await lonely.fingerprint(of: TestDatabase.acme)
                    )
                    if mine != same { return "the tenant's rows are not as they would be alone after \(request)" }
                }
                return try await miscount(schema, crowded)
            }
        }
        statuses.merge(seen, uniquingKeysWith: +)
        return failure
    }

    private static func difference(_ request: ResourceRequest, _ one: TestAPI.Answer, _ two: TestAPI.Answer) -> String? {
        let said = ([one.text] + one.headers.map { "\($0.key): \($0.value)" }).joined(separator: "\n").lowercased()
        if said.contains(RandomSchema.mark), !request.isProbing {
            return "the other tenant's word is in the answer to \(request):\n\(said)"
        }
        if said.contains("tenant_id"), !request.description.contains("tenant_id") {
            return "tenant_id is in the answer to \(request):\n\(said)"
        }
        guard one.status == two.status, one.headers == two.headers else {
            return
                "another answer to \(request):\n\(one.status) \(one.headers) \(one.text)\nalone\n\(two.status) \(two.headers) \(two.text)"
        }
        // Without an order rows come as they are found, which may differ; but they are the same.
        guard one.text == two.text || one.text.utf8.sorted() == two.text.utf8.sorted() else {
            return "another answer to \(request):\n\(one.text)\nalone\n\(two.text)"
        }
        return nil
    }

    /// Exact counts against plain SQL of somebody who sees all.
    private static func miscount(_ schema: RandomSchema, _ world: World) async throws -> String? {
        for tenant in [TestDatabase.acme, TestDatabase.globex] {
            for table in schema.owned {
                let answer = try await world.api.send(tenant, .head, table, prefer: "count=exact")
                let expected = try await world.all.queryOne(
                    "SELECT count(*) FROM api.\(identifier: table) WHERE tenant_id = \(tenant)"
                ) { try $0.decode(Int.self) }
                if answer.range?.split(separator: "/").last.map(String.init) != "\(expected)" {
                    return "\(table) counts \(answer.range ?? "nothing") where there are \(expected)"
                }
            }
        }
        return nil
    }
}

/// A database of a random schema, and the engine on it.
private struct World {
    let api: TestAPI
    /// Sees every row.
    let all: Postgres
    let schema: RandomSchema
    /// The other tenant's rows before anything was sent.
    let untouched: String

    static func with<R: Sendable>(
        _ schema: RandomSchema, seed: UInt64, others: Bool, _ body: (World) async throws -> R
    ) async throws -> R {
        try await TestDatabase.with { database async throws in
            try await database.withPool(role: "sallyport_owner") { postgres async throws in
                _ = try await postgres.batch(schema.statements.map { SQL("\(unescaped: $0)") })
                let tenants = [(TestDatabase.acme, "alpha", 0)] + (others ? [(TestDatabase.globex, RandomSchema.mark, 7770)] : [])
                for (tenant, word, base) in tenants {
                    let rows = schema.rows(word: word, seed: seed &+ UInt64(base), numbersFrom: base)
                    _ = try await postgres.batch(rows.map { SQL("\(unescaped: $0)") }, settings: .tenant(tenant))
                }
            }
            return try await database.withPool(role: "postgres") { all async throws in
                try await database.withPool(role: "sallyport_api") { postgres async throws in
                    let catalog = try await CatalogStore(schemas: ["api"]).load(from: postgres)
                    #expect(catalog.refusals.isEmpty, "\(catalog.refusals)")
                    let engine = ResourceEngine(catalog: catalog, maximumRows: 1000, allowsRollback: true)
                    let api = TestAPI(engine: engine, executor: ResourceExecutor(database: TenantDatabase(postgres)))
                    let untouched = try await fingerprint(schema, TestDatabase.globex, all)
                    return try await body(World(api: api, all: all, schema: schema, untouched: untouched))
                }
            }
        }
    }

    func fingerprint(of tenant: UUID) async throws -> String {
        try await Self.fingerprint(schema, tenant, all)
    }

    private static func fingerprint(_ schema: RandomSchema, _ tenant: UUID, _ all: Postgres) async throws -> String {
        try await all.queryOne(schema.fingerprint(of: tenant.uuidString)) { try $0.decode(String.self) }
    }
}
