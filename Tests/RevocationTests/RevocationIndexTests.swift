import FoundationEssentials
import Revocation
import Tenancy
import Testing

@Suite("The revocation index") struct RevocationIndexTests {
    private static let acme = TenantID(UUID())
    private static let globex = TenantID(UUID())

    private func token(
        _ tenant: TenantID = acme, id: String = "t1", grant: String? = "g1", session: String? = "s1", subject: String = "u1",
        client: String = "c1", issuedAt: Int64 = 1000
    ) -> RevocableToken {
        RevocableToken(
            tenant: tenant, tokenID: id, grantID: grant, sessionID: session, subject: subject, clientID: client, issuedAt: issuedAt
        )
    }

    private func entry(_ kind: RevocationKind, _ target: String, notBefore: Int64 = 1000, expiresAt: Int64 = 5000) -> RevocationEntry {
        RevocationEntry(kind: kind, tenant: Self.acme, target: target, notBefore: notBefore, expiresAt: expiresAt)
    }

    @Test(
        "An entry kills what it names, in its tenant, and nothing else",
        arguments: [
            (RevocationKind.token, "t1"), (.grant, "g1"), (.session, "s1"), (.user, "u1"), (.client, "c1"), (.tenant, ""),
        ]
    )
    func kinds(_ kind: RevocationKind, _ target: String) {
        let index = RevocationIndex()
        index.insert(entry(kind, target))
        #expect(index.revokes(token()))
        #expect(!index.revokes(token(Self.globex)), "another tenant's token of the same names")
        if kind != .tenant {
            #expect(!index.revokes(token(id: "t2", grant: "g2", session: "s2", subject: "u2", client: "c2")))
        }
    }

    @Test("A target of one kind is no target of another") func kindsApart() {
        let index = RevocationIndex()
        index.insert(entry(.user, "x"))
        #expect(!index.revokes(token(id: "x", grant: "x", session: "x", client: "x")))
    }

    @Test("All kinds but the first spare what was issued afterwards") func notBefore() {
        let index = RevocationIndex()
        index.insert(entry(.user, "u1", notBefore: 1000))
        #expect(index.revokes(token(issuedAt: 999)))
        #expect(index.revokes(token(issuedAt: 1000)), "issued in the very second")
        #expect(!index.revokes(token(issuedAt: 1001)))
        index.insert(entry(.token, "t9", notBefore: 1000))
        #expect(index.revokes(token(id: "t9", issuedAt: 2000)))
    }

    @Test("An older entry does not weaken a newer one") func order() {
        let index = RevocationIndex()
        index.insert(entry(.user, "u1", notBefore: 2000, expiresAt: 9000))
        index.insert(entry(.user, "u1", notBefore: 1000, expiresAt: 5000))
        #expect(index.revokes(token(issuedAt: 1500)))
        index.removeExpired(now: 6000)
        #expect(index.revokes(token(issuedAt: 1500)))
    }

    @Test("Moot entries go") func expiry() {
        let index = RevocationIndex()
        index.insert(entry(.token, "t1", expiresAt: 5000))
        index.removeExpired(now: 4999)
        #expect(index.count == 1)
        index.removeExpired(now: 5000)
        #expect(index.count == 0)
        #expect(!index.hasForgotten(at: 4970) && index.hasForgotten(at: 4969), "a clock that has gone back needs them again")
    }

    @Test("They go in 64 parts as well as at once") func expiryInParts() {
        let index = RevocationIndex()
        for number in 0..<1000 { index.insert(entry(.token, "t\(number)", expiresAt: number % 2 == 0 ? 5000 : 6000)) }
        for _ in 0..<64 { index.removeSomeExpired(now: 5000) }
        #expect(index.count == 500)
        for number in 0..<1000 { #expect(index.revokes(token(id: "t\(number)")) == (number % 2 == 1)) }
        #expect(index.hasForgotten(at: 4000))
    }

    @Test("Whoever asks while others insert and sweep finds what lives, always") func concurrency() async {
        let index = RevocationIndex()
        let living = (0..<2000).map { "living-\($0)" }
        for id in living { index.insert(entry(.token, id, expiresAt: 9000)) }
        let tokens = living.map { token(id: $0, issuedAt: 2000) }
        let absent = (0..<500).map { token(id: "absent-\($0)", issuedAt: 2000) }
        let (missed, invented, asked) = await withTaskGroup(of: (Int, Int, Int).self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var (missed, invented, asked) = (0, 0, 0)
                    repeat {
                        missed += tokens.count { !index.revokes($0) }
                        invented += absent.count { index.revokes($0) }
                        asked += tokens.count
                        await Task.yield()
                    } while !Task.isCancelled
                    return (missed, invented, asked)
                }
            }
            for round in 0..<20 {
                for number in 0..<3000 { index.insert(entry(.token, "moot-\(round)-\(number)", expiresAt: 5000)) }
                index.removeExpired(now: 5000)
                await Task.yield()
            }
            group.cancelAll()
            return await group.reduce(into: (0, 0, 0)) { $0 = ($0.0 + $1.0, $0.1 + $1.1, $0.2 + $1.2) }
        }
        #expect(missed == 0 && invented == 0 && asked > 0)
        #expect(index.count == living.count)
    }

    @Test("It is current only while the log is heard, and a little longer") func currency() {
        let index = RevocationIndex(staleness: .seconds(60))
        #expect(!index.isCurrent && index.lag == nil, "never heard, so never trusted")
        index.isComplete(asOf: .now - .seconds(61))
        #expect(!index.isCurrent && index.verdict(on: token()) == .unknown)
        index.isComplete(asOf: .now - .seconds(30))
        #expect(index.isCurrent && index.verdict(on: token()) == .stands)
        index.isComplete(asOf: .now - .seconds(90))
        #expect(index.isCurrent, "what was known before is not forgotten")
        #expect(index.lag.map { $0 >= .seconds(30) && $0 < .seconds(50) } == true)
        #expect(index.refusals == 1)
    }

    @Test("Announcements are read whole or not at all") func announcements() throws {
        let text = "\(Self.acme) session 10 20 a b"
        let entry = try #require(RevocationEntry(announcement: text))
        #expect(
            entry.kind == .session && entry.tenant == Self.acme && entry.notBefore == 10 && entry.expiresAt == 20 && entry.target == "a b")
        #expect(RevocationEntry(announcement: "\(Self.acme) tenant 10 20 ")?.target == "")
        #expect(RevocationEntry(announcement: "\(Self.acme) tenant 10 20")?.target == "")
        for bad in ["", "x", "\(Self.acme) planet 10 20 a", "\(Self.acme) token x 20 a", "acme token 10 20 a"] {
            #expect(RevocationEntry(announcement: bad) == nil, "\(bad)")
        }
    }
}

/// Watches the memory of the whole process, so it runs alone, as the tests for leaks do.
@Suite("A million living revocations") struct RevocationIndexLeakTests {
    /// Resident memory of this process, in bytes.
    private static func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
    }

    @Test("They take at most 100 MB, are found, and go when they are moot") func size() throws {
        let (acme, globex) = (TenantID(UUID()), TenantID(UUID()))
        let index = RevocationIndex()
        let before = try Self.resident()
        for number in 0..<1_000_000 {
            index.insert(
                RevocationEntry(
                    kind: .token, tenant: number % 2 == 0 ? acme : globex, target: "token-\(number)", notBefore: 1000,
                    expiresAt: 5000 + Int64(number % 2)))
        }
        let grown = try Self.resident() - before
        #expect(index.count == 1_000_000)
        #expect(grown < 100_000_000)
        func token(_ id: String, _ tenant: TenantID) -> RevocableToken {
            RevocableToken(tenant: tenant, tokenID: id, grantID: nil, sessionID: nil, subject: "s", clientID: "c", issuedAt: 900)
        }
        #expect(index.revokes(token("token-2", acme)) && !index.revokes(token("token-2", globex)))
        #expect(index.revokes(token("token-3", globex)) && !index.revokes(token("token-3", acme)))
        index.removeExpired(now: 5000)
        #expect(try Self.resident() - before < 100_000_000, "nor does dropping them")
        #expect(index.count == 500_000 && !index.revokes(token("token-2", acme)) && index.revokes(token("token-3", globex)))
    }
}
