import Cryptography
import FoundationEssentials
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("One-time passwords, RFC 6238") struct TOTPTests {
    /// Appendix B, SHA-1: eight digits.
    @Test(
        "Appendix B",
        arguments: [
            (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
        ] as [(Int64, String)])
    func vectors(time: Int64, code: String) throws {
        let totp = TOTP(secret: Array("12345678901234567890".utf8))
        #expect(try totp.code(step: time / TOTP.periodSeconds, digits: 8) == code)
        #expect(try totp.step(of: String(code.suffix(6)), now: time) == time / 30)
    }

    @Test(
        "A code is good a step early or late, no more",
        arguments: [(-61, false), (-31, false), (-30, true), (0, true), (30, true), (60, false)])
    func tolerance(offset: Int64, isGood: Bool) throws {
        let totp = TOTP(secret: Array("12345678901234567890".utf8))
        let now: Int64 = 1_111_111_110
        let code = try totp.code(step: now / 30)
        #expect(try (totp.step(of: code, now: now + offset) != nil) == isGood)
    }

    @Test("What is no code of six digits is none", arguments: ["", "28708", "0287082", "94287082", "28708２", " 287082"])
    func malformed(code: String) throws {
        #expect(try TOTP(secret: Array("12345678901234567890".utf8)).step(of: code, now: 59) == nil)
    }
}

@Suite("Base32, RFC 4648 §10") struct Base32Tests {
    @Test(
        "Vectors",
        arguments: [
            ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI"),
        ])
    func vectors(plain: String, coded: String) {
        #expect(Base32.encode(Array(plain.utf8)) == coded)
        #expect(Base32.decode(coded.lowercased()) == Array(plain.utf8))
    }

    @Test("Refused", arguments: ["M", "MZX", "MZXW6Y", "MZ", "M1", "M8", "MY======", "MÝ"]) func refused(text: String) {
        #expect(Base32.decode(text) == nil)
    }
}

@Suite("Second factors", .enabled(if: TestDatabase.isConfigured)) struct SecondFactorTests {
    private static func factors(_ server: AuthServerHarness) throws -> SecondFactors {
        SecondFactors(
            database: server.database, masterKey: try AuthServerSettings.masterKey(server.administration.settings),
            throttle: SignInThrottle(database: server.database, clock: server.clock), clock: server.clock
        )
    }

    private static let origin = RequestOrigin.commandLine

    /// - Returns: the app's generator and the recovery codes.
    private static func enrol(_ account: Account, _ factors: SecondFactors, _ server: AuthServerHarness) async throws -> (TOTP, [String]) {
        let secret = SecondFactors.newSecret()
        let totp = TOTP(secret: secret)
        let code = try totp.code(step: server.clock.now / 30)
        return (totp, try #require(try await factors.confirm(code: code, of: secret, for: account)))
    }

    @Test("An enrolment counts once a code confirmed it") func enrolment() async throws {
        try await AuthServerHarness.with { server in
            let factors = try Self.factors(server)
            let account = try await server.member("ann+x@example.com", of: server.acme)
            let secret = SecondFactors.newSecret()
            #expect(secret.count == TOTP.secretBytes && SecondFactors.newSecret() != secret)
            let first = SecondFactors.Enrolment(secret, account: account.email, issuer: "Acme & Co")
            #expect(Base32.decode(first.secret) == secret)
            #expect(
                first.uri
                    == "otpauth://totp/Acme%20%26%20Co:ann%2Bx%40example.com?secret=\(first.secret)&issuer=Acme%20%26%20Co&algorithm=SHA1&digits=6&period=30"
            )
            #expect(try await !factors.isEnrolled(account.id))
            #expect(try await factors.confirm(code: "000000x", of: secret, for: account) == nil)
            #expect(try await SecondFactorStore(database: server.database).find(account.id) == nil)
            let (totp, codes) = try await Self.enrol(account, factors, server)
            #expect(Set(codes).count == 10)
            #expect(try await factors.isEnrolled(account.id))
            let other = try TOTP(secret: secret).code(step: server.clock.now / 30)
            #expect(try await factors.confirm(code: other, of: secret, for: account) == nil)
            // The code that confirmed is used up.
            let used = try totp.code(step: server.clock.now / 30)
            #expect(try await factors.verify(code: used, for: account.id, origin: Self.origin) == .wrong)
        }
    }

    @Test("Of uses of one code at the same instant one succeeds, in a loop; nor does an earlier code work afterwards") func singleUse()
        async throws
    {
        try await AuthServerHarness.with { server in
            let factors = try Self.factors(server)
            let account = try await server.member("ann@example.com", of: server.acme)
            let (totp, recovery) = try await Self.enrol(account, factors, server)
            for round in 1...5 {
                server.advance.value = Int64(round) * 60
                let step = server.clock.now / 30
                let code = try totp.code(step: step)
                #expect(try await Self.winners(code, account.id, factors) == 1)
                #expect(try await factors.verify(code: totp.code(step: step - 1), for: account.id, origin: Self.origin) == .wrong)
            }
            for code in recovery.prefix(5) {
                #expect(try await Self.winners(code.uppercased().replacing("-", with: " "), account.id, factors) == 1)
            }
            #expect(try await factors.verify(code: recovery[5], for: account.id, origin: Self.origin) == .right)
            #expect(try await factors.verify(code: recovery[5], for: account.id, origin: Self.origin) == .wrong)
        }
    }

    /// How many of four at once are right.
    private static func winners(_ code: String, _ account: AccountID, _ factors: SecondFactors) async throws -> Int {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 { group.addTask { try await factors.verify(code: code, for: account, origin: origin) == .right } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }

    @Test("Guessing is slowed down, and one account's codes are nobody else's") func guessing() async throws {
        try await AuthServerHarness.with { server in
            let factors = try Self.factors(server)
            let ann = try await server.member("ann@example.com", of: server.acme)
            let bob = try await server.member("bob@example.com", of: server.globex)
            let (totp, recovery) = try await Self.enrol(ann, factors, server)
            _ = try await Self.enrol(bob, factors, server)
            server.advance.value = 60
            #expect(try await factors.verify(code: recovery[0], for: bob.id, origin: Self.origin) == .wrong)
            #expect(try await factors.verify(code: totp.code(step: server.clock.now / 30), for: bob.id, origin: Self.origin) == .wrong)
            for _ in 0..<6 { #expect(try await factors.verify(code: "123", for: ann.id, origin: Self.origin) == .wrong) }
            let right = try totp.code(step: server.clock.now / 30)
            guard case .blocked = try await factors.verify(code: right, for: ann.id, origin: Self.origin) else {
                Issue.record("the seventh guess was looked at")
                return
            }
            server.advance.value += 2
            #expect(try await factors.verify(code: totp.code(step: server.clock.now / 30), for: ann.id, origin: Self.origin) == .right)
        }
    }

    @Test("The operator takes a lost factor away, and the tenant's log tells of it") func removal() async throws {
        try await AuthServerHarness.with { server in
            let factors = try Self.factors(server)
            let account = try await server.member("ann@example.com", of: server.acme)
            _ = try await Self.enrol(account, factors, server)
            let store = SecondFactorStore(database: server.database)
            let event = AuditEvent("user.second_factor_reset", by: .operator, on: "user", account.id.description, from: .commandLine)
            #expect(try await store.remove(account.id, recording: event, in: server.acme.id))
            #expect(try await store.remove(account.id, recording: event, in: server.acme.id) == false)
            #expect(try await !factors.isEnrolled(account.id))
            #expect(try await server.audited(server.acme).count { $0.action == "user.second_factor_reset" } == 1)
        }
    }
}
