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
    private static let readsAtOnce = 8
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
                let worlds = Worlds(crowded: crowded, lonely: lonely)
                // Reads change nothing, so that several may be under way; a write is alone.
                var reads: [ResourceRequest] = []
                for number in 1...requests {
                    let request = random.next()
                    let changes = !request.verb.isRead || request.verb == .call
                    if !changes { reads.append(request) }
                    if changes || reads.count == Self.readsAtOnce || number == requests {
                        if let difference = try await worlds.compare(reads, &seen) { return difference }
                        reads = []
                    }
                    guard changes else { continue }
                    if let difference = try await worlds.compare([request], &seen) { return difference }
                    if let change = try await worlds.change(by: request) { return change }
                }
                return try await miscount(schema, crowded)
            }
        }
        statuses.merge(seen, uniquingKeysWith: +)
        return failure
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

/// The world with another tenant, and the one without.
private struct Worlds: Sendable {
    let crowded: World
    let lonely: World

    /// Sends requests to both at once.
    ///
    /// - Returns: what tells the worlds apart by the first answer that does.
    func compare(_ requests: [ResourceRequest], _ seen: inout [Int: Int]) async throws -> String? {
        let found = try await withThrowingTaskGroup(of: (Int, Int, String?).self) { group in
            for (index, request) in requests.enumerated() {
                group.addTask {
                    async let one = crowded.api.send(TestDatabase.acme, request)
                    async let two = lonely.api.send(TestDatabase.acme, request)
                    let (first, second) = (try await one, try await two)
                    return (index, first.status, Self.difference(request, first, second))
                }
            }
            var found: [(Int, Int, String?)] = []
            for try await one in group { found.append(one) }
            return found.sorted { $0.0 < $1.0 }
        }
        for (_, status, difference) in found {
            seen[status, default: 0] += 1
            if let difference { return difference }
        }
        return nil
    }

    /// - Returns: what a write did to another tenant's rows, or did otherwise than alone.
    func change(by request: ResourceRequest) async throws -> String? {
        async let crowd = crowded.fingerprints()
        async let alone = lonely.fingerprints()
        let ((mine, others), (same, _)) = (try await crowd, try await alone)
        if others != crowded.untouched { return "the other tenant's rows were changed by \(request)" }
        return mine == same ? nil : "the tenant's rows are not as they would be alone after \(request)"
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

}

/// A database of a random schema, and the engine on it.
private struct World: Sendable {
    let api: TestAPI
    /// Sees every row.
    let all: Postgres
    let fingerprintStatements: [SQL]
    /// The other tenant's rows before anything was sent.
    var untouched = ""

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
                    var world = World(
                        api: api, all: all,
                        fingerprintStatements: [TestDatabase.acme, TestDatabase.globex].map { schema.fingerprint(of: $0.uuidString) })
                    world.untouched = try await world.fingerprints().1
                    return try await body(world)
                }
            }
        }
    }

    /// Of the tenant that asks, and of the other.
    func fingerprints() async throws -> (String, String) {
        let results = try await all.batch(fingerprintStatements)
        guard results.count == 2, let mine = results[0].first, let others = results[1].first else {
            throw PostgresError.unexpectedRowCount(results.count)
        }
        return (try mine.decode(String.self), try others.decode(String.self))
    }
}
