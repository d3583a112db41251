import FoundationEssentials
import Postgres
import Testing

@testable import ResourceAPI

@Suite("What is slow and what is quick") struct StatementSpeedsTests {
    private static let (acme, globex) = ("acme", "globex")
    private static let (list, search) = (SQLStatement("SELECT 1"), SQLStatement("SELECT 2"))
    private static let millisecond: Int64 = 1_000_000

    private let speeds = StatementSpeeds()

    private func lane(_ statement: SQLStatement, _ tenant: String) -> StatementSpeeds.Lane {
        speeds.lane(speeds.speed(of: statement, for: tenant))
    }

    private func note(_ milliseconds: Int64, _ statement: SQLStatement, _ tenant: String) {
        speeds.note(milliseconds * Self.millisecond, speeds.speed(of: statement, for: tenant), of: statement, for: tenant)
    }

    @Test("A statement that nobody has tried is untried; once it was quick for somebody, for nobody") func unknown() {
        #expect(lane(Self.list, Self.acme) == .untried)
        note(1, Self.list, Self.acme)
        #expect(lane(Self.list, Self.acme) == .quick)
        #expect(lane(Self.list, Self.globex) == .quick)
        #expect(lane(Self.search, Self.acme) == .untried)
    }

    @Test("What is slow for one tenant is not for another") func apart() {
        for tenant in [Self.acme, Self.globex] { note(1, Self.list, tenant) }
        note(1000, Self.list, Self.acme)
        #expect(lane(Self.list, Self.acme) == .slow)
        #expect(lane(Self.list, Self.globex) == .quick)
    }

    @Test("One hiccup makes nothing slow; a run of them does, and a run of quick ones undoes it") func average() {
        note(1, Self.list, Self.acme)
        note(100, Self.list, Self.acme)
        #expect(lane(Self.list, Self.acme) == .quick)
        for _ in 0..<5 { note(100, Self.list, Self.acme) }
        #expect(lane(Self.list, Self.acme) == .slow)
        for _ in 0..<20 { note(1, Self.list, Self.acme) }
        #expect(lane(Self.list, Self.acme) == .quick)
    }

    @Test("The new statements of a tenant with slow ones run apart, though they are quick for others") func suspicion() {
        note(1, Self.list, Self.globex)
        note(500, Self.search, Self.acme)
        #expect(lane(Self.list, Self.acme) == .slow)
        #expect(lane(Self.list, Self.globex) == .quick)
    }
}
