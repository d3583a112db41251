import FoundationEssentials
import JOSE
import JSON
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("The audit log cannot be rewritten unnoticed", .enabled(if: TestDatabase.isConfigured)) struct AuditTests {
    enum Tampering: String, CaseIterable, Sendable {
        case changedRow, changedTime, removedMiddle, removedLast, removedFirst, swapped, rehashed, inserted, emptied
    }

    @Test("Each way of tampering is found, in its tenant and not in the other", arguments: Tampering.allCases)
    func tampering(_ way: Tampering) async throws {
        try await TestDatabase.with { database in
            let tenants = [TenantID(UUID()), TenantID(UUID())]
            try await database.withPool(role: "sallyport_auth") { pool in
                for (index, tenant) in tenants.enumerated() {
                    let row = Tenant(
                        id: tenant, slug: try TenantSlug("tenant-\(index)"), name: "T", isDisabled: false, signingAlgorithm: .es256)
                    try await TenantStore(database: pool).insert(row, roles: [], keys: [])
                    for number in 0..<6 { try await write("user.changed", "u\(number)", tenant, pool) }
                    #expect(try await AuditStore(database: pool).problems(in: tenant).isEmpty)
                }
            }
            let victim = tenants[0].rawValue
            try await database.withPool(role: "sallyport_owner") { owner in
                try await owner.execute("ALTER TABLE auth.audit_event NO FORCE ROW LEVEL SECURITY")
                try await owner.execute("ALTER TABLE auth.audit_event DISABLE TRIGGER chain")
                let statements: [SQL] =
                    switch way {
                    case .changedRow: ["UPDATE auth.audit_event SET actor_id = 'x' WHERE tenant_id = \(victim) AND number = 3"]
                    case .changedTime:
                        [
                            "UPDATE auth.audit_event SET occurred_at = occurred_at + interval '1 us' WHERE tenant_id = \(victim) AND number = 3"
                        ]
                    case .removedFirst: ["DELETE FROM auth.audit_event WHERE tenant_id = \(victim) AND number = 1"]
                    case .removedMiddle: ["DELETE FROM auth.audit_event WHERE tenant_id = \(victim) AND number = 3"]
                    case .removedLast: ["DELETE FROM auth.audit_event WHERE tenant_id = \(victim) AND number = 6"]
                    case .swapped:
                        [
                            "UPDATE auth.audit_event SET number = 99 WHERE tenant_id = \(victim) AND number = 2",
                            "UPDATE auth.audit_event SET number = 2 WHERE tenant_id = \(victim) AND number = 3",
                            "UPDATE auth.audit_event SET number = 3 WHERE tenant_id = \(victim) AND number = 99",
                        ]
                    case .rehashed:
                        [
                            "UPDATE auth.audit_event SET details = '{}', target_id = 'y' WHERE tenant_id = \(victim) AND number = 3",
                            "UPDATE auth.audit_event AS e SET hash = auth.audit_hash(e.*) WHERE tenant_id = \(victim) AND number = 3",
                        ]
                    case .inserted:
                        [
                            """
                            INSERT INTO auth.audit_event
                            SELECT tenant_id, 7, occurred_at, actor_kind, actor_id, action, target_kind, target_id, address, user_agent, request_id,
                                   details, hash, hash
                              FROM auth.audit_event WHERE tenant_id = \(victim) AND number = 6
                            """
                        ]
                    case .emptied: ["DELETE FROM auth.audit_event WHERE tenant_id = \(victim)"]
                    }
                for statement in statements { try await owner.execute(statement) }
                try await owner.execute("ALTER TABLE auth.audit_event ENABLE TRIGGER chain")
                try await owner.execute("ALTER TABLE auth.audit_event FORCE ROW LEVEL SECURITY")
            }
            try await database.withPool(role: "sallyport_auth") { pool in
                let store = AuditStore(database: pool)
                let numbers = Set(try await store.problems(in: tenants[0]).map(\.number))
                switch way {
                case .changedRow, .changedTime: #expect(numbers == [3])
                case .removedFirst: #expect(numbers == [2])
                case .removedMiddle, .rehashed: #expect(numbers == [4])
                case .removedLast, .emptied: #expect(numbers == [6])
                case .swapped: #expect(numbers.isSuperset(of: [2, 3]))
                case .inserted: #expect(numbers == [7])
                }
                #expect(try await store.problems(in: tenants[1]).isEmpty)
            }
        }
    }

    @Test("The run-time role adds and reads, and changes nothing") func privileges() async throws {
        try await AuthServerHarness.with { server in
            let (pool, acme) = (server.administration.database, server.acme.id)
            for statement in [
                "UPDATE auth.audit_event SET details = '{}'", "DELETE FROM auth.audit_event", "TRUNCATE auth.audit_event",
                "UPDATE auth.audit_head SET number = 0", "DELETE FROM auth.audit_head",
                "INSERT INTO auth.audit_head VALUES (\(acme.description.debugDescription), 1, '')",
            ] {
                await #expect(throws: PostgresError.self, "\(statement)") {
                    try await pool.withTenant(acme.rawValue).query("\(unescaped: statement.replacing("\"", with: "'"))")
                }
            }
        }
    }

    @Test("Writers at the same instant make one chain") func concurrency() async throws {
        try await AuthServerHarness.with { server in
            let (pool, acme) = (server.administration.database, server.acme.id)
            let store = AuditStore(database: pool)
            let before = try await store.end(in: acme).number
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 { group.addTask { try await write("user.changed", "u\(number)", acme, pool) } }
                try await group.waitForAll()
            }
            #expect(try await store.end(in: acme).number == before + 40)
            #expect(try await store.problems(in: acme).isEmpty)
            #expect(try await store.problems(in: server.globex.id).isEmpty)
        }
    }

    @Test("Filters find what they say, newest first, in one tenant") func filters() async throws {
        try await AuthServerHarness.with { server in
            let pool = server.administration.database
            let store = AuditStore(database: pool)
            for tenant in [server.acme.id, server.globex.id] {
                for (action, target) in [
                    ("user.created", "ann"), ("user.changed", "ann"), ("user.changed", "bob"), ("users.changed", "eve"),
                ] {
                    try await write(action, target, tenant, pool)
                }
            }
            func found(_ filter: AuditStore.Filter) async throws -> [String] {
                try await store.page(filter, in: server.acme.id, before: nil, limit: 10).map { "\($0.action) \($0.targetID)" }
            }
            #expect(try await found(.init(targetID: "ann")) == ["user.changed ann", "user.created ann"])
            #expect(try await found(.init(actionPrefix: "user.")) == ["user.changed bob", "user.changed ann", "user.created ann"])
            #expect(try await found(.init(actorKind: "client", actionPrefix: "user.")).isEmpty)
            #expect(try await found(.init(targetID: "bob", since: 4_000_000_000)).isEmpty)
            #expect(try await found(.init(targetID: "bob", until: 4_000_000_000)) == ["user.changed bob"])
            let last = try #require(try await store.page(.init(), in: server.acme.id, before: nil, limit: 1).first)
            #expect(try await store.page(.init(), in: server.acme.id, before: last.number, limit: 1).first?.number == last.number - 1)
        }
    }
}

private func write(_ action: String, _ target: String, _ tenant: TenantID, _ pool: Postgres) async throws {
    let event = AuditEvent(action, by: .operator, on: "user", target, from: .commandLine, [("note", "ünï,:\"\\")])
    _ = try await pool.withTenant(tenant.rawValue).query(event.insertion(in: tenant))
}
