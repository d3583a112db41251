import FoundationEssentials
import Passwords
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Sign-in by password", .enabled(if: TestDatabase.isConfigured)) struct SignInTests {
    static let password = "correct horse battery"

    private static func signIn(_ server: AuthServerHarness, hasher: PasswordHasher = AuthServerHarness.hasher) throws -> PasswordSignIn {
        // It moves only where a test advances it: the first waits are a second, and on a busy machine they would be over.
        let (start, advance) = (server.clock.now, server.advance)
        let clock = WallClock { start + advance.value }
        let throttle = SignInThrottle(database: server.database, clock: clock)
        let factors = SecondFactors(
            database: server.database, masterKey: try AuthServerSettings.masterKey(server.administration.settings), throttle: throttle,
            clock: clock
        )
        return PasswordSignIn(accounts: server.administration.accounts, factors: factors, throttle: throttle, hasher: hasher)
    }

    private static func name(_ outcome: PasswordSignIn.Outcome) -> String {
        switch outcome {
        case .signedIn(_, let methods): "signed in by " + methods.joined(separator: " ")
        case .wrong: "wrong"
        case .blocked: "blocked"
        case .mustChangePassword: "must change"
        case .secondFactorRequired(_, let isEnrolled): isEnrolled ? "second factor" : "second factor to enrol"
        case .busy: "busy"
        }
    }

    private static func outcome(
        _ signIn: PasswordSignIn, _ email: String, _ password: String, _ tenant: Tenant?
    ) async throws -> String {
        let source = SignInSource.browser(address: "192.0.2.1")
        return name(try await signIn.signIn(email: email, password: password, tenant: tenant, origin: .commandLine, from: source))
    }

    /// With the right password.
    private static func outcome(_ signIn: PasswordSignIn, _ email: String, _ tenant: Tenant?) async throws -> String {
        try await outcome(signIn, email, password, tenant)
    }

    @Test("Who may sign in does; to everybody else the answer is that of a wrong password") func outcomes() async throws {
        try await AuthServerHarness.with { server in
            let signIn = try Self.signIn(server)
            _ = try await server.member("ann@example.com", of: server.acme, password: Self.password)
            _ = try await server.member("new@example.com", of: server.acme, password: Self.password) { $0.mustChangePassword = true }
            _ = try await server.member("none@example.com", of: server.acme)
            let out = try await server.member("out@example.com", of: server.acme, password: Self.password)
            try await server.administration.members.setDisabled(true, out.id, in: server.acme.id, by: .operator)
            let off = try await server.member("off@example.com", of: server.acme, password: Self.password)
            _ = try await server.database.with(.account(off.id)).query("UPDATE auth.account SET disabled_at = now()")
            var strict = server.acme
            strict.settings.requiresSecondFactor = true

            #expect(try await Self.outcome(signIn, "ANN@example.com", server.acme) == "signed in by pwd")
            #expect(try await Self.outcome(signIn, "ann@example.com", nil) == "signed in by pwd")
            #expect(try await Self.outcome(signIn, "ann@example.com", strict) == "second factor to enrol")
            #expect(try await Self.outcome(signIn, "new@example.com", server.acme) == "must change")
            for (email, password, tenant) in [
                ("ann@example.com", "correct horse batterz", server.acme), ("ann@example.com", Self.password, server.globex),
                ("none@example.com", "", server.acme), ("out@example.com", Self.password, server.acme),
                ("off@example.com", Self.password, server.acme), ("nobody@example.com", Self.password, server.acme),
                ("not an address", Self.password, server.acme), ("ann@example.com", String(repeating: "x", count: 2000), server.acme),
            ] {
                #expect(try await Self.outcome(signIn, email, password, tenant) == "wrong", "\(email)")
            }
            #expect(try await Self.outcome(signIn, "off@example.com", nil) == "wrong")
            let log = try await server.audited(server.acme)
            #expect(log.allSatisfy { $0.action != "user.signed_in" }, "nothing has begun yet")
            #expect(log.count { $0.action == "user.sign_in_failed" } == 5)
            let globex = try #require(try await server.audited(server.globex).first)
            #expect(globex.action == "user.sign_in_failed" && globex.target.isEmpty)
        }
    }

    @Test("The sixth wrong password in a row begins a wait, also for the right one; success forgives") func throttled() async throws {
        try await AuthServerHarness.with { server in
            let signIn = try Self.signIn(server)
            _ = try await server.member("ann@example.com", of: server.acme, password: Self.password)
            for _ in 0..<6 { #expect(try await Self.outcome(signIn, "ann@example.com", "wrong", server.acme) == "wrong") }
            #expect(try await Self.outcome(signIn, "ann@example.com", server.acme) == "blocked")
            server.advance.value = 2
            #expect(try await Self.outcome(signIn, "ann@example.com", server.acme) == "signed in by pwd")
            for _ in 0..<5 { #expect(try await Self.outcome(signIn, "ann@example.com", "wrong", server.acme) == "wrong") }
            #expect(try await Self.outcome(signIn, "ann@example.com", server.acme) == "signed in by pwd")
        }
    }

    @Test("Unknown addresses are held up as known ones are") func unknownThrottled() async throws {
        try await AuthServerHarness.with { server in
            let signIn = try Self.signIn(server)
            for _ in 0..<6 { #expect(try await Self.outcome(signIn, "nobody@example.com", server.acme) == "wrong") }
            #expect(try await Self.outcome(signIn, "nobody@example.com", server.acme) == "blocked")
        }
    }

    @Test("No spelling of an address has counters of its own: what PostgreSQL folds to it and ASCII does not is no address")
    func oneFold() async throws {
        try await AuthServerHarness.with { server in
            let signIn = try Self.signIn(server)
            _ = try await server.member("iris.k@example.com", of: server.acme, password: Self.password)
            for spelling in ["İRIS.K@example.com", "iris.\u{212a}@example.com", "\u{131}ris.k@example.com"] {
                #expect(try await Self.outcome(signIn, spelling, server.acme) == "wrong")
            }
            #expect(try await server.database.queryOne("SELECT count(*) FROM auth.sign_in_throttle", as: Int64.self) == 0)
            for spelling in ["iris.k@example.com", "IRIS.k@example.com", "Iris.K@example.com", "iRIS.k@Example.com", "i@x", "I@X"] {
                #expect(try await Self.outcome(signIn, spelling, "wrong", server.acme) == "wrong")
            }
            // The address, and the pair and the account of either name.
            #expect(try await server.database.queryOne("SELECT count(*) FROM auth.sign_in_throttle", as: Int64.self) == 5)
            for spelling in ["iris.k@example.com", "IRIS.K@EXAMPLE.COM"] {
                _ = try await Self.outcome(signIn, spelling, "wrong", server.acme)
            }
            #expect(try await Self.outcome(signIn, "IRIS.k@example.com", server.acme) == "blocked")
        }
    }

    @Test("A hash from elsewhere is replaced by one of ours at the first sign-in, unless the password changed meanwhile") func upgrade()
        async throws
    {
        try await AuthServerHarness.with { server in
            let signIn = try Self.signIn(server)
            // PBKDF2-HMAC-SHA-256 of "password" with the salt "salt", two iterations (RFC 7914 §11's sibling vectors).
            let foreign = "pbkdf2:sha256:2$salt$ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"
            let account = try await server.member("ann@example.com", of: server.acme) { $0.passwordHash = foreign }
            #expect(try await Self.outcome(signIn, "ann@example.com", "passwort", server.acme) == "wrong")
            #expect(try await server.administration.accounts.find(account.id)?.passwordHash == foreign)
            #expect(try await Self.outcome(signIn, "ann@example.com", "password", server.acme) == "signed in by pwd")
            let upgraded = try #require(try await server.administration.accounts.find(account.id)?.passwordHash)
            #expect(upgraded.hasPrefix("$argon2id$"))
            #expect(try await Self.outcome(signIn, "ann@example.com", "password", server.acme) == "signed in by pwd")
            #expect(try await !server.administration.accounts.upgradePasswordHash(from: foreign, to: "late", of: account.id))
            #expect(try await server.administration.accounts.find(account.id)?.passwordHash == upgraded)
        }
    }

    @Test("A busy hasher is said to be, and the attempt is not held against anybody") func busy() async throws {
        try await AuthServerHarness.with { server in
            let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 64, passes: 1), threads: 1)
            await hasher.shutdown()
            let signIn = try Self.signIn(server, hasher: hasher)
            for _ in 0..<10 { #expect(try await Self.outcome(signIn, "nobody@example.com", server.acme) == "busy") }
            #expect(try await server.database.queryOne("SELECT count(*) FROM auth.sign_in_throttle", as: Int.self) == 0)
        }
    }

    @Test("A hasher that becomes busy meanwhile has the attempt taken back") func busyMeanwhile() async throws {
        try await AuthServerHarness.with { server in
            let hasher = PasswordHasher(
                parameters: try PasswordParameters(memoryKiB: 65_536, passes: 20), threads: 1, maximumQueueLength: 0)
            let hashing = Task { try await hasher.hash("x") }
            while hasher.load.running == 0 { await Task.yield() }
            let signIn = try Self.signIn(server, hasher: hasher)
            #expect(try await Self.outcome(signIn, "nobody@example.com", server.acme) == "busy")
            #expect(hasher.load.running == 1, "to the end")
            #expect(try await server.database.queryOne("SELECT max(failures) FROM auth.sign_in_throttle", as: Int32.self) == 0)
            _ = try await hashing.value
        }
    }

    @Test("An address that nobody has takes as long as one that somebody has") func timing() async throws {
        try await AuthServerHarness.with { server in
            let hasher = PasswordHasher(parameters: try PasswordParameters(memoryKiB: 8192, passes: 2), threads: 1)
            let account = try await server.member("ann@example.com", of: server.acme)
            _ = try await server.administration.accounts.setPassword(
                hasher.hash(Self.password).text, of: account.id, mustChange: false, in: nil, also: [])
            let signIn = try Self.signIn(server, hasher: hasher)
            var times: [String: [Duration]] = [:]
            for round in 0..<30 {
                // Far enough apart that nothing is held up.
                server.advance.value = Int64(round) * 7200
                for email in ["ann@example.com", "nobody@example.com"] {
                    let start = ContinuousClock.now
                    #expect(try await Self.outcome(signIn, email, "wrong password", server.acme) == "wrong")
                    times[email, default: []].append(ContinuousClock.now - start)
                }
            }
            let medians = times.mapValues { $0.sorted()[$0.count / 2] }
            let known = try #require(medians["ann@example.com"])
            let unknown = try #require(medians["nobody@example.com"])
            // Without the hash, an unknown address would take a tenth.
            #expect(unknown > known * 0.6 && unknown < known * 1.6, "known \(known), unknown \(unknown)")
        }
    }
}
