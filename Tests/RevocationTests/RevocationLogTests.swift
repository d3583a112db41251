import FoundationEssentials
import Logging
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import Revocation

@Suite("The revocation log, read on by commit order", .enabled(if: TestDatabase.isConfigured)) struct RevocationLogTests {
    private static let acme = TenantID(TestDatabase.acme)
    private static let globex = TenantID(TestDatabase.globex)

    @Test("A transaction that took its number first and commits last is missed by who reads on from a number, and not by us")
    func lateCommit() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { postgres in
                let log = RevocationLog(database: postgres)
                let start = try await log.unseen(after: nil, at: TestLog.now)
                let other = TestLog(postgres)
                var seen: (entries: [RevocationEntry], position: RevocationPosition) = start
                var page = try await log.page(of: Self.acme, after: nil, at: TestLog.now)
                var naive: [String: Int64] = [:]

                try await postgres.withTransaction(settings: .tenant(Self.acme.rawValue)) { slow in
                    try await TestLog.insert("early", in: Self.acme, slow)
                    try await other.revoke("late", in: Self.acme)
                    try await other.revoke("late", in: Self.globex)
                    // What every reader sees before the first transaction is over.
                    naive = try await other.numbered(after: 0)
                    seen = try await log.unseen(after: start.position, at: TestLog.now)
                    page = try await log.page(of: Self.acme, after: page.position, at: TestLog.now)
                    #expect(seen.entries.map(\.target) == ["late", "late"])
                    #expect(page.entries.map(\.target) == ["late"])
                }
                // `seq > last` would go on from the greatest number that it has seen, and never see the smaller one.
                let last = try #require(naive.values.max())
                let early = try #require(try await other.numbered(after: 0)["early"])
                #expect(naive["early"] == nil && early < last)
                #expect(try await other.numbered(after: last).isEmpty, "the naive reader misses it for good")
                let next = try await log.unseen(after: seen.position, at: TestLog.now)
                #expect(next.entries.map(\.target) == ["early"] && next.entries.first?.tenant == Self.acme)
                #expect(try await log.page(of: Self.acme, after: page.position, at: TestLog.now).entries.map(\.target) == ["early"])
                #expect(try await log.unseen(after: next.position, at: TestLog.now).entries.isEmpty, "and nothing a second time")
            }
        }
    }

    @Test("A tenant reads its own entries, in pages, and what is committed meanwhile afterwards") func pages() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { postgres in
                let (log, writer) = (RevocationLog(database: postgres), TestLog(postgres))
                for number in 1...5 {
                    try await writer.revoke("a\(number)", in: Self.acme)
                    try await writer.revoke("g\(number)", in: Self.globex)
                }
                try await writer.revoke("over", in: Self.acme, lifetime: -1)
                let first = try await log.page(of: Self.acme, after: nil, at: TestLog.now, limit: 2)
                try await writer.revoke("a6", in: Self.acme)
                var (targets, place) = (first.entries.map(\.target), first.next)
                while let from = place {
                    let page = try await log.page(of: Self.acme, after: nil, from: from, at: TestLog.now, limit: 2)
                    targets += page.entries.map(\.target)
                    place = page.next
                }
                #expect(Array(targets.prefix(5)) == ["a1", "a2", "a3", "a4", "a5"])
                let later = try await log.page(of: Self.acme, after: first.position, at: TestLog.now)
                #expect(later.entries.map(\.target) == ["a6"] && later.next == nil)
                #expect(
                    try await log.page(of: Self.globex, after: nil, at: TestLog.now).entries.map(\.target) == [
                        "g1", "g2", "g3", "g4", "g5",
                    ])
            }
        }
    }

    @Test("All of the log is read, in pages of any size, what is committed meanwhile at the latest with the next reading")
    func allPages() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { postgres in
                let (log, writer) = (RevocationLog(database: postgres), TestLog(postgres))
                for number in 1...5 {
                    try await writer.revoke("a\(number)", in: Self.acme)
                    // Of another day, so in another partition.
                    try await writer.revoke("g\(number)", in: Self.globex, lifetime: number % 2 == 0 ? 3600 : 90_000)
                }
                let expected = Set((1...5).flatMap { ["a\($0)", "g\($0)"] })
                for size in [1, 2, 3, 5, 9, 10, 11, 1000] {
                    let read = try await log.unseen(after: nil, at: TestLog.now, pageSize: size)
                    #expect(read.entries.count == 10 && Set(read.entries.map(\.target)) == expected, "in pages of \(size)")
                    #expect(try await log.unseen(after: read.position, at: TestLog.now, pageSize: size).entries.isEmpty)
                }
                let start = try await log.unseen(after: nil, at: TestLog.now)
                try await writer.revoke("a6", in: Self.acme)
                #expect(try await log.unseen(after: start.position, at: TestLog.now, pageSize: 1).entries.map(\.target) == ["a6"])
            }
        }
    }

    @Test("A position of the future is another database's: everything is told again") func foreignPosition() async throws {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { postgres in
                let (log, writer) = (RevocationLog(database: postgres), TestLog(postgres))
                try await writer.revoke("a", in: Self.acme)
                try await writer.revoke("g", in: Self.globex)
                let future = try #require(RevocationPosition("4000000000000:4000000000000:"))
                #expect(try await log.page(of: Self.acme, after: future, at: TestLog.now).entries.map(\.target) == ["a"])
                #expect(try await log.unseen(after: future, at: TestLog.now).entries.count == 2)
            }
        }
    }

    @Test("What is written under a transaction id that had left no trace, as after a crash, is told") func reusedTransaction() async throws
    {
        try await TestDatabase.with { database in
            try await database.withPool(role: "sallyport_auth") { postgres in
                let (log, writer) = (RevocationLog(database: postgres), TestLog(postgres))
                try await writer.revoke("a", in: Self.acme)
                try await writer.revoke("g", in: Self.globex)
                let ids: SQL = "SELECT pg_current_xact_id()::text"
                let lost = try await postgres.queryOne(ids, as: String.self)
                _ = try await postgres.queryOne(ids, as: String.self)
                let (all, own) = (
                    try await log.unseen(after: nil, at: TestLog.now), try await log.page(of: Self.acme, after: nil, at: TestLog.now)
                )
                let snapshot = try await postgres.queryOne("SELECT pg_current_snapshot()::text", as: String.self)

                let end = TestLog.now + 3600
                try await database.withPool(role: "postgres") { superuser in
                    _ = try await superuser.execute(
                        """
                        INSERT INTO auth.revocation (tenant_id, period, transaction_id, kind, target, not_before, reason, expires_at)
                        VALUES (\(Self.acme.rawValue), \(Int32(end / 86_400)), \(lost)::text::xid8, 'user', 'again', now(), 'test',
                                \(Date(timeIntervalSince1970: Double(end))))
                        """)
                }
                let naive = try #require(RevocationPosition(snapshot))
                #expect(try await log.unseen(after: naive, at: TestLog.now).entries.isEmpty, "the whole snapshot takes it for seen")
                let retold = try await log.page(of: Self.acme, after: naive, at: TestLog.now)
                #expect(retold.entries.map(\.target) == ["a", "again"], "who claims more than the log shows is told everything")
                #expect(try await log.unseen(after: all.position, at: TestLog.now).entries.map(\.target) == ["again"])
                #expect(try await log.page(of: Self.acme, after: own.position, at: TestLog.now).entries.map(\.target) == ["again"])
                #expect(try await log.page(of: Self.globex, after: own.position, at: TestLog.now).entries.map(\.target) == ["g"])
            }
        }
    }

    @Test(
        "A position speaks of no transaction beyond the log's last entry",
        arguments: [
            ("10:30:12,15", 20, "10:21:12,15"), ("10:30:12,15", 29, "10:30:12,15"), ("10:30:12,15", 11, "10:12:"),
            ("10:30:12,15", 5, "6:6:"),
            ("10:30:", nil, "1:1:"), ("10:10:", 40, "10:10:"),
        ] as [(String, UInt64?, String)])
    func bounded(_ snapshot: String, _ horizon: UInt64?, _ position: String) throws {
        #expect(try #require(RevocationPosition(snapshot)).upTo(horizon).description == position)
        #expect(RevocationPosition(position) != nil)
    }

    @Test(
        "What PostgreSQL would not read as a snapshot is no position",
        arguments: [
            "", "1", "1:2", "a:b:", "0:1:", "2:1:", "1:2:3", "3:5:2", "1:5:4,3", "1:5:2,2", "1:5:2,", "1:5:,2", "-1:5:", "1:5:2;",
            "1:99999999999999999999:", "1:5: 2",
        ]
    )
    func malformed(_ text: String) {
        #expect(RevocationPosition(text) == nil)
    }

    @Test("What it writes is one", arguments: ["1:1:", "731:735:731,733", "3:5:3,4"]) func wellFormed(_ text: String) {
        #expect(RevocationPosition(text)?.description == text)
    }
}

/// Writes to the log as auth-server does.
struct TestLog: Sendable {
    private let postgres: Postgres

    init(_ postgres: Postgres) {
        self.postgres = postgres
    }

    /// Seconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    func revoke(_ target: String, in tenant: TenantID, lifetime: Int64 = 3600) async throws {
        _ = try await postgres.query(Self.insertion(target, in: tenant, lifetime), settings: .tenant(tenant.rawValue))
    }

    static func insert(_ target: String, in tenant: TenantID, _ transaction: Transaction) async throws {
        _ = try await transaction.query(insertion(target, in: tenant, 3600))
    }

    private static func insertion(_ target: String, in tenant: TenantID, _ lifetime: Int64) -> SQL {
        let end = now + lifetime
        return """
            INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
            VALUES (\(tenant.rawValue), \(Int32(end / 86_400)), 'user', \(target), now(), 'test',
                    \(Date(timeIntervalSince1970: Double(end))))
            """
    }

    /// As a reader would that trusts the sequence: what has greater numbers than the last.
    func numbered(after last: Int64) async throws -> [String: Int64] {
        let rows = try await postgres.queryAll(
            "SELECT target, position FROM auth.revocation WHERE position > \(last)", as: String.self, Int64.self)
        return Dictionary(rows.map { ($0.0, $0.1) }, uniquingKeysWith: max)
    }
}
