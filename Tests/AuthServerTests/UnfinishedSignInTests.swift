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

@Suite("Sign-ins that stop half way", .enabled(if: TestDatabase.isConfigured)) struct UnfinishedSignInTests {
    private static let first = "first password of ann"

    private static func member(
        _ world: AuthorizationWorld, _ email: String = "ann@acme.example", mustChange: Bool = false
    ) async throws -> Account {
        let hash = try await AuthServerHarness.hasher.hash(first).text
        return try await world.server.member(email, of: world.server.acme) {
            $0.passwordHash = hash
            $0.mustChangePassword = mustChange
        }
    }

    /// As an administrator does it.
    private static func replacePassword(of account: Account, mustChange: Bool, _ world: AuthorizationWorld) async throws {
        let hash = try await AuthServerHarness.hasher.hash("replaced by the admin").text
        try await Members(database: world.server.database, clock: world.server.clock).setPassword(
            hash, mustChange: mustChange, of: account.id, in: world.server.acme.id, by: .operator)
    }

    private static func requireSecondFactor(_ tenant: Tenant, _ world: AuthorizationWorld) async throws {
        try await world.server.database.withTenant(tenant.id.rawValue).execute(
            "UPDATE auth.tenant SET requires_second_factor = true WHERE id = \(tenant.id.rawValue)")
        let email = tenant.slug == world.server.acme.slug ? "ada@acme.example" : "gus@globex.example"
        try await world.server.eventually("the tenant requires a second factor") {
            let browser = TestBrowser(world.server)
            let page = try await world.typeIn(browser, world.authorize(browser, "\(tenant.slug)-trusted"), email)
            return page.formAction?.hasSuffix("/interaction/enrolment") ?? false
        }
    }

    /// Signs in with the first password, as far as that leads.
    private static func begin(_ browser: TestBrowser, _ email: String, _ world: AuthorizationWorld) async throws -> TestBrowser.Page {
        try await world.typeIn(browser, world.authorize(browser, "acme-trusted"), email, password: first)
    }

    private static func isOver(_ page: TestBrowser.Page, _ browser: TestBrowser) -> Bool {
        page.status == .badRequest && page.location == nil && page.formAction == nil
            && browser.cookies["__Host-sallyport_session"] == nil
    }

    private static let chosen = ["new_password": "chosen by whoever this is", "repeated_password": "chosen by whoever this is"]

    // MARK: The password changes meanwhile

    @Test("Who stopped at the change of password cannot change the one that an administrator set since, at once or later")
    func newPassword() async throws {
        try await AuthorizationWorld.with { world in
            let ann = try await Self.member(world, mustChange: true)
            _ = try await Self.member(world, "bob@acme.example", mustChange: true)
            let (browser, other) = (TestBrowser(world.server), TestBrowser(world.server))
            let page = try await Self.begin(browser, "ann@acme.example", world)
            let unaffected = try await Self.begin(other, "bob@acme.example", world)
            #expect(page.formAction == "/t/acme/interaction/password" && unaffected.formAction == page.formAction)
            try await Self.replacePassword(of: ann, mustChange: true, world)
            let set = try #require(try await world.server.administration.accounts.find(ann.id)?.passwordHash)
            #expect(Self.isOver(try await browser.submit(page, Self.chosen), browser))
            #expect(try await world.server.administration.accounts.find(ann.id)?.passwordHash == set)
            #expect(try await other.submit(unaffected, Self.chosen).answer["code"] != nil)
            let later = TestBrowser(world.server)
            let right = try await world.typeIn(
                later, world.authorize(later, "acme-trusted"), "ann@acme.example", password: "replaced by the admin")
            #expect(right.formAction == "/t/acme/interaction/password")
        }
    }

    @Test("Who stopped at the enrolment enrols nothing once the password is another") func enrolment() async throws {
        try await AuthorizationWorld.with { world in
            let ann = try await Self.member(world)
            try await Self.requireSecondFactor(world.server.acme, world)
            let browser = TestBrowser(world.server)
            let page = try await Self.begin(browser, "ann@acme.example", world)
            #expect(page.formAction == "/t/acme/interaction/enrolment")
            let secret = try #require(AuthorizationInteractionTests.secret(page))
            try await Self.replacePassword(of: ann, mustChange: false, world)
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            #expect(Self.isOver(try await browser.submit(page, ["code": code, "action": "verify"]), browser))
            let store = SecondFactorStore(database: world.server.database)
            #expect(try await store.find(ann.id) == nil)
            // Nor where the change comes between the look at the proof and the enrolment.
            let factors = SecondFactors(
                database: world.server.database, masterKey: try AuthServerSettings.masterKey(world.server.administration.settings),
                throttle: SignInThrottle(database: world.server.database, clock: world.server.clock), clock: world.server.clock
            )
            #expect(try await factors.confirm(code: code, of: secret, for: ann) == nil)
            #expect(try await store.find(ann.id) == nil)
            let now = try #require(try await world.server.administration.accounts.find(ann.id))
            #expect(try await factors.confirm(code: code, of: secret, for: now) != nil)
        }
    }

    @Test("Who stopped at the second factor gets in no more once the password is another") func secondFactor() async throws {
        try await AuthorizationWorld.with { world in
            let ann = try await Self.member(world)
            let factors = SecondFactors(
                database: world.server.database, masterKey: try AuthServerSettings.masterKey(world.server.administration.settings),
                throttle: SignInThrottle(database: world.server.database, clock: world.server.clock), clock: world.server.clock
            )
            let secret = SecondFactors.newSecret()
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            let recovery = try #require(try await factors.confirm(code: code, of: secret, for: ann))
            let browser = TestBrowser(world.server)
            let page = try await Self.begin(browser, "ann@acme.example", world)
            #expect(page.formAction == "/t/acme/interaction/second-factor")
            try await Self.replacePassword(of: ann, mustChange: false, world)
            #expect(Self.isOver(try await browser.submit(page, ["code": recovery[0], "action": "verify"]), browser))
        }
    }

    @Test("Ten minutes after the password nothing goes on, whatever was posted in between") func renewal() async throws {
        try await AuthorizationWorld.with { world in
            _ = try await Self.member(world)
            try await Self.requireSecondFactor(world.server.acme, world)
            let browser = TestBrowser(world.server)
            var page = try await Self.begin(browser, "ann@acme.example", world)
            let secret = try #require(AuthorizationInteractionTests.secret(page))
            for moment in [300, 590] as [Int64] {
                world.server.advance.value = moment
                page = try await browser.submit(page, ["code": "000000", "action": "verify"])
                #expect(page.status == .unprocessableContent && page.formAction == "/t/acme/interaction/enrolment")
                #expect(AuthorizationInteractionTests.secret(page) == secret)
            }
            world.server.advance.value = 595
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            let codes = try await browser.submit(page, ["code": code, "action": "verify"])
            #expect(codes.formAction == "/t/acme/interaction/recovery-codes")
            world.server.advance.value = 605
            #expect(Self.isOver(try await browser.submit(codes, ["action": "continue"]), browser))
        }
    }

    // MARK: Enrolment

    @Test("Each enrolment has a secret of its own, which no table holds until it is confirmed") func proposals() async throws {
        try await AuthorizationWorld.with { world in
            let ann = try await Self.member(world)
            try await Self.requireSecondFactor(world.server.acme, world)
            let (browser, other) = (TestBrowser(world.server), TestBrowser(world.server))
            let page = try await Self.begin(browser, "ann@acme.example", world)
            let theirs = try await Self.begin(other, "ann@acme.example", world)
            let secret = try #require(AuthorizationInteractionTests.secret(page))
            let second = try #require(AuthorizationInteractionTests.secret(theirs))
            #expect(secret != second)
            let store = SecondFactorStore(database: world.server.database)
            #expect(try await store.find(ann.id) == nil)
            // What an earlier version stored without a confirmation gives way.
            try await world.server.database.with(.account(ann.id)).execute(
                "INSERT INTO auth.second_factor (account_id, sealed_secret) VALUES (\(ann.id.rawValue), \([1, 2, 3] as [UInt8]))")
            let wrong = try AuthorizationInteractionTests.code(second, ahead: 0, world)
            let again = try await browser.submit(page, ["code": wrong, "action": "verify"])
            #expect(again.status == .unprocessableContent && AuthorizationInteractionTests.secret(again) == secret)
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            #expect(
                try await browser.submit(again, ["code": code, "action": "verify"]).formAction == "/t/acme/interaction/recovery-codes")

            // The other page is too late: it is asked for a code of the factor that there is.
            let late = try await other.submit(theirs, ["code": wrong, "action": "verify"])
            #expect(late.status == .ok && late.formAction == "/t/acme/interaction/second-factor")
            let next = try AuthorizationInteractionTests.code(secret, ahead: 1, world)
            #expect(try await other.submit(late, ["code": next, "action": "verify"]).answer["code"] != nil)
        }
    }

    @Test("The form of the enrolment, with the proof of somebody enrolled, asks for the code") func enrolledAlready() async throws {
        try await AuthorizationWorld.with { world in
            let ann = try await Self.member(world)
            try await Self.requireSecondFactor(world.server.acme, world)
            let browser = TestBrowser(world.server)
            let page = try await Self.begin(browser, "ann@acme.example", world)
            let secret = try #require(AuthorizationInteractionTests.secret(page))
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            _ = try await browser.submit(page, ["code": code, "action": "verify"])
            let before = try await SecondFactorStore(database: world.server.database).find(ann.id)
            let ask = try await Self.begin(browser, "ann@acme.example", world)
            #expect(ask.formAction == "/t/acme/interaction/second-factor")
            for request in [page.hiddenFields["request"], ask.hiddenFields["request"]] {
                let answer = try await browser.submit(page, ["request": try #require(request), "code": code, "action": "verify"])
                #expect(answer.status == .ok && answer.formAction == "/t/acme/interaction/second-factor")
            }
            #expect(try await SecondFactorStore(database: world.server.database).find(ann.id) == before)
        }
    }

    // MARK: A session that lacks the second factor

    @Test(
        "A session enrols a second factor for five minutes; an older one is signed in to again",
        arguments: [(0, "enrolment"), (290, "enrolment"), (310, "sign-in")] as [(Int64, String)])
    func enrolmentInSession(age: Int64, step: String) async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted", email: "both@example.com")
            try await Self.requireSecondFactor(world.server.globex, world)
            world.server.advance.value = age
            let page = try await world.authorize(browser, "globex-trusted")
            #expect(page.formAction == "/t/globex/interaction/\(step)")
            #expect(
                try await world.authorize(browser, "globex-trusted", ["prompt": "none"]).answer["error"] == "interaction_required")
            guard step == "sign-in" else { return }
            let proved = try await world.typeIn(browser, page, "both@example.com")
            #expect(proved.formAction == "/t/globex/interaction/enrolment")
        }
    }

    @Test("A code alone leaves the time of the sign-in, and counts only while the session lives", arguments: [true, false])
    func stepUp(lives: Bool) async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted", email: "both@example.com")
            let both = try #require(try await world.server.administration.accounts.find(email: "both@example.com"))
            let sessions = Sessions(database: world.server.database, clock: world.server.clock)
            func authenticated() async throws -> [Date] {
                try await world.server.database.with(.account(both.id)).queryAll(
                    "SELECT authenticated_at FROM auth.session WHERE ended_at IS NULL"
                ) { try $0.decode(Date.self) }
            }
            let before = try await authenticated()
            let factors = SecondFactors(
                database: world.server.database, masterKey: try AuthServerSettings.masterKey(world.server.administration.settings),
                throttle: SignInThrottle(database: world.server.database, clock: world.server.clock), clock: world.server.clock
            )
            let secret = SecondFactors.newSecret()
            let code = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            _ = try #require(try await factors.confirm(code: code, of: secret, for: both))
            try await Self.requireSecondFactor(world.server.globex, world)
            world.server.advance.value = 7200
            let page = try await world.authorize(browser, "globex-trusted", ["max_age": "7300"])
            #expect(page.formAction == "/t/globex/interaction/second-factor")
            if !lives {
                for session in try await sessions.all(of: both.id, in: nil) {
                    _ = try await sessions.end(session.id, of: both.id, origin: .commandLine)
                }
            }
            let next = try AuthorizationInteractionTests.code(secret, ahead: 0, world)
            let answer = try await browser.submit(page, ["code": next, "action": "verify"])
            guard lives else {
                #expect(answer.status == .badRequest && answer.location == nil)
                #expect(try await authenticated().isEmpty)
                return
            }
            #expect(answer.answer["code"] != nil)
            #expect(try await authenticated() == before)
            // Too old is too old, with a second factor too.
            let old = try await world.authorize(browser, "globex-trusted", ["max_age": "7000"])
            #expect(old.formAction == "/t/globex/interaction/sign-in")
        }
    }
}
