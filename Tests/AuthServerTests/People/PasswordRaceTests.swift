import FoundationEssentials
import HTTPTypes
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("A password is replaced while the old one is being checked", .enabled(if: TestDatabase.isConfigured)) struct PasswordRaceTests {
    private static let old = "old password of ann"

    /// Replaces the password while `request` has read the old one: the change commits once the request waits for the row.
    private static func replacing<R: Sendable>(
        _ account: Account, _ server: AuthServerHarness, _ request: @Sendable @escaping () async throws -> R
    ) async throws -> R {
        let new = try await AuthServerHarness.hasher.hash("new password of ann").text
        let now = server.clock.now
        return try await withThrowingTaskGroup(of: R.self) { group in
            try await server.database.withTransaction(settings: .account(account.id)) { transaction in
                _ = try await transaction.query(AccountRow.password(new, mustChange: false, of: account.id, now: now))
                group.addTask { try await request() }
                try await server.eventually("the sign-in waits for the change of the password") {
                    try await server.database.queryOne(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted", as: Int64.self) > 0
                }
            }
            return try #require(try await group.next())
        }
    }

    /// What the log of acme says about sign-ins, in order.
    private static func signIns(_ server: AuthServerHarness) async throws -> [String] {
        try await server.audited(server.acme).map(\.action).filter { $0.hasPrefix("user.sign") }.reversed()
    }

    @Test("The page begins no session for it, and the browser's former one stays as it is") func page() async throws {
        try await AuthServerHarness.with { server in
            let account = try await server.member("ann@acme.example", of: server.acme, password: Self.old)
            let browser = TestBrowser(server)
            let page = try await browser.get("/t/acme/sign-in")
            let answer = try await Self.replacing(account, server) {
                try await browser.submit(page, ["username": "ann@acme.example", "password": Self.old, "action": "sign_in"])
            }
            #expect(answer.status == .unprocessableContent && answer.formAction == "/t/acme/interaction/sign-in")
            #expect(browser.cookies["__Host-sallyport_session"] == nil)
            #expect(try await Sessions(database: server.database, clock: server.clock).all(of: account.id, in: nil).isEmpty)
            #expect(try await Self.signIns(server) == ["user.sign_in_failed"])
            let fields = ["username": "ann@acme.example", "password": "new password of ann", "action": "sign_in"]
            #expect(try await browser.submit(answer, fields).location == "/t/acme/sessions")
            #expect(try await Self.signIns(server) == ["user.sign_in_failed", "user.signed_in"])
        }
    }

    @Test("The password grant gives nothing for it") func grant() async throws {
        try await AuthServerHarness.with { server in
            let account = try await server.member("ann@acme.example", of: server.acme, password: Self.old)
            let secret = try await AuthServerHarness.service("legacy", in: server.acme, server.administration) {
                $0.grantTypes = [.password, .refreshToken]
                $0.scopes = try ScopeSet(parsing: "customers:read")
            }
            let body = "grant_type=password&username=ann@acme.example&password=" + Self.old.replacing(" ", with: "+")
            let answer = try await Self.replacing(account, server) {
                try await server.post("/t/acme/oauth2/token", body, headers: server.basic("legacy", secret: secret))
            }
            #expect(answer.status == .badRequest && answer.error == "invalid_grant")
            #expect(answer.accessToken == nil)
            #expect(try await Self.signIns(server) == ["user.sign_in_failed"])
        }
    }

    @Test("A session begins only for the password that was right, however soon the next one came, and for an enabled account")
    func begin() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            func begin(_ account: Account) async throws -> BrowserSession? {
                try await sessions.begin(
                    for: account, methods: ["pwd"], replacing: nil, origin: .commandLine, lifetimeSeconds: 300)?.0
            }
            let (ann, bob) = (
                try await server.member("ann@acme.example", of: server.acme, password: Self.old),
                try await server.member("bob@globex.example", of: server.globex, password: Self.old)
            )
            #expect(try await begin(ann) != nil)
            let now = server.clock.now
            _ = try await server.administration.accounts.setPassword(
                "first", of: ann.id, mustChange: false, in: nil, also: [], now: now)
            let first = try #require(try await server.administration.accounts.find(ann.id))
            #expect(try await begin(ann) == nil)
            #expect(try await begin(first) != nil)
            _ = try await server.administration.accounts.setPassword(
                "second", of: ann.id, mustChange: false, in: nil, also: [], now: now)
            #expect(try await begin(first) == nil)
            #expect(try await begin(bob) != nil)
            try await server.database.with(.account(bob.id)).execute(
                "UPDATE auth.account SET disabled_at = now() WHERE id = \(bob.id.rawValue)")
            #expect(try await begin(bob) == nil)
        }
    }

    @Test("A session that began in the second of an administrator's change ends with the old password") func sameSecond() async throws {
        try await AuthServerHarness.with { server in
            let fixed = server.clock.now
            let clock = WallClock { fixed }
            let sessions = Sessions(database: server.database, clock: clock)
            let ann = try await server.member("ann@acme.example", of: server.acme, password: Self.old)
            let bob = try await server.member("bob@acme.example", of: server.acme, password: Self.old)
            for account in [ann, bob] {
                _ = try await sessions.begin(
                    for: account, methods: ["pwd"], replacing: nil, origin: .commandLine, lifetimeSeconds: 3000)
            }
            try await Members(database: server.database, clock: clock).setPassword(
                "replaced", mustChange: false, of: ann.id, in: server.acme.id, by: .operator)
            #expect(try await sessions.all(of: ann.id, in: nil).isEmpty)
            #expect(try await sessions.all(of: bob.id, in: nil).count == 1)
        }
    }

    @Test("A right password goes on where another sign-in upgraded its hash meanwhile") func upgrade() async throws {
        try await AuthServerHarness.with { server in
            let foreign = "pbkdf2:sha256:2$salt$ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"
            let account = try await server.member("ann@acme.example", of: server.acme) { $0.passwordHash = foreign }
            let browser = TestBrowser(server)
            let page = try await browser.get("/t/acme/sign-in")
            let ours = try await AuthServerHarness.hasher.hash("password").text
            let answer = try await withThrowingTaskGroup(of: TestBrowser.Page.self) { group in
                try await server.database.withTransaction(settings: .account(account.id)) { transaction in
                    _ = try await transaction.query(
                        "UPDATE auth.account SET password_hash = \(ours) WHERE id = \(account.id.rawValue)")
                    group.addTask {
                        try await browser.submit(page, ["username": "ann@acme.example", "password": "password", "action": "sign_in"])
                    }
                    try await server.eventually("the sign-in waits for the upgrade") {
                        try await server.database.queryOne(
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted", as: Int64.self) > 0
                    }
                }
                return try #require(try await group.next())
            }
            #expect(answer.location == "/t/acme/sessions")
        }
    }
}
