import Cryptography
import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Passwords
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("What people are asked on the way", .enabled(if: TestDatabase.isConfigured)) struct AuthorizationInteractionTests {
    private static func hash(_ password: String) async throws -> String {
        try await PasswordHasher(parameters: PasswordParameters(memoryKiB: 8192, passes: 1)).hash(password).text
    }

    @Test("A password that must be changed is changed before anything is granted") func mustChange() async throws {
        try await AuthorizationWorld.with { world in
            try await AuthorizationWorld.person(
                "new@acme.example", Self.hash("given by an admin"), in: [world.server.acme], world.server, mustChange: true)
            let browser = TestBrowser(world.server)
            let page = try await world.typeIn(
                browser, world.authorize(browser, "acme-trusted"), "new@acme.example", password: "given by an admin")
            #expect(page.formAction == "/t/acme/interaction/password")
            #expect(browser.cookies["__Host-sallyport_session"] == nil)
            for (new, repeated) in [
                ("short", "short"), ("another long password", "another long passwords"), ("", ""),
                ("given by an admin", "given by an admin"),
            ] {
                let again = try await browser.submit(page, ["new_password": new, "repeated_password": repeated, "action": "save"])
                #expect(again.status == .unprocessableContent, "\(new)")
                #expect(again.formAction == "/t/acme/interaction/password")
            }
            let chosen = "seven purple lamps asleep"
            let fields = ["new_password": chosen, "repeated_password": chosen, "action": "save"]
            #expect(try await browser.submit(page, fields).answer["code"] != nil)
            let later = TestBrowser(world.server)
            let signIn = try await world.authorize(later, "acme-trusted")
            #expect(
                try await world.typeIn(later, signIn, "new@acme.example", password: "given by an admin").status == .unprocessableContent)
            #expect(try await world.typeIn(later, signIn, "new@acme.example", password: chosen).answer["code"] != nil)
        }
    }

    @Test("A tenant that requires a second factor leads through getting one, and asks for it from then on") func secondFactor() async throws
    {
        try await AuthorizationWorld.with { world in
            try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).execute(
                "UPDATE auth.tenant SET requires_second_factor = true WHERE id = \(world.server.acme.id.rawValue)")
            let browser = TestBrowser(world.server)
            var page = try await world.authorize(browser, "acme-trusted")
            try await world.server.eventually("the tenant requires a second factor") {
                page = try await world.typeIn(TestBrowser(world.server), world.authorize(TestBrowser(world.server), "acme-trusted"))
                return page.location == nil
            }
            page = try await world.typeIn(browser, world.authorize(browser, "acme-trusted"))
            #expect(page.formAction == "/t/acme/interaction/enrolment")
            #expect(page.body.contains("<svg") && page.body.contains("h1v1"))
            #expect(browser.cookies["__Host-sallyport_session"] == nil)
            let wrong = try await browser.submit(page, ["code": "000000", "action": "verify"])
            #expect(wrong.status == .unprocessableContent)

            let secret = try #require(Self.secret(page))
            let codes = try await browser.submit(page, ["code": try Self.code(secret, ahead: 0, world), "action": "verify"])
            #expect(codes.formAction == "/t/acme/interaction/recovery-codes", "\(codes.title)")
            #expect(try await browser.submit(codes, ["action": "continue"]).answer["code"] != nil)

            let other = TestBrowser(world.server)
            let ask = try await world.typeIn(other, world.authorize(other, "acme-trusted"))
            #expect(ask.formAction == "/t/acme/interaction/second-factor")
            #expect(other.cookies["__Host-sallyport_session"] == nil)
            let silent = try await world.authorize(other, "acme-trusted", ["prompt": "none"])
            #expect(silent.answer["error"] == "login_required")
            // The code that has been used is not good again; a later one is.
            let used = try await other.submit(ask, ["code": try Self.code(secret, ahead: 0, world), "action": "verify"])
            #expect(used.status == .unprocessableContent)
            #expect(
                try await other.submit(ask, ["code": try Self.code(secret, ahead: 1, world), "action": "verify"]).answer["code"] != nil)
            let methods = try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).queryAll(
                "SELECT methods FROM auth.access_grant WHERE 'otp' = ANY (methods)"
            ) { try $0.decode([String].self) }
            #expect(methods.count == 2)

            // The first factor alone, too old.
            let late = TestBrowser(world.server)
            let waiting = try await world.typeIn(late, world.authorize(late, "acme-trusted"))
            world.server.advance.value = 601
            let expired = try await late.submit(waiting, ["code": try Self.code(secret, ahead: 0, world), "action": "verify"])
            #expect(expired.status == .badRequest && expired.location == nil)
        }
    }

    /// The secret as the page shows it.
    static func secret(_ page: TestBrowser.Page) -> [UInt8]? {
        let words = page.body.split { !$0.isLetter && !$0.isNumber && $0 != " " }
        let candidates = words.map { String($0.filter { $0 != " " }) }
        return candidates.first { $0.utf8.count == 32 && $0.allSatisfy { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains($0) } }
            .flatMap { Base32.decode($0) }
    }

    static func code(_ secret: [UInt8], ahead: Int64, _ world: AuthorizationWorld) throws -> String {
        let now = Int64(Date().timeIntervalSince1970) + world.server.advance.value
        return try TOTP(secret: secret).code(step: now / 30 + ahead)
    }

    @Test("A session without a second factor is asked for one where the tenant requires it") func stepUp() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted", email: "both@example.com")
            try await world.server.administration.database.withTenant(world.server.globex.id.rawValue).execute(
                "UPDATE auth.tenant SET requires_second_factor = true WHERE id = \(world.server.globex.id.rawValue)")
            try await world.server.eventually("the tenant requires a second factor") {
                try await world.authorize(browser, "globex-trusted").formAction == "/t/globex/interaction/enrolment"
            }
            let silent = try await world.authorize(browser, "globex-trusted", ["prompt": "none"])
            #expect(silent.answer["error"] == "interaction_required")
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none"]).answer["code"] != nil)
        }
    }

    @Test("Whoever is not an enabled member any more is nobody") func disabledMember() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            let waiting = try await world.authorize(browser, "acme-web")
            #expect(waiting.formAction == "/t/acme/interaction/consent")
            try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).execute(
                "UPDATE auth.membership SET disabled_at = now() WHERE tenant_id = \(world.server.acme.id.rawValue)")
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none"]).answer["error"] == "login_required")
            #expect(try await browser.submit(waiting, ["action": "allow"]).formAction == "/t/acme/interaction/sign-in")
        }
    }

    @Test("A client that was disabled meanwhile gets nothing") func disabledClient() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let page = try await world.authorize(browser, "acme-trusted")
            try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).execute(
                "UPDATE auth.client SET disabled_at = now() WHERE client_id = 'acme-trusted'")
            try await world.server.eventually("the client is disabled") {
                try await world.authorize(TestBrowser(world.server), "acme-trusted").status == .badRequest
            }
            let answer = try await world.typeIn(browser, page)
            #expect(answer.status == .badRequest && answer.location == nil)
        }
    }

    // MARK: Own pages

    @Test("A person signs in without a client, sees their sessions and ends them") func sessions() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            #expect(try await browser.get("/sessions").location == "/sign-in")
            let signedIn = try await world.typeIn(browser, browser.get("/sign-in"))
            #expect(signedIn.location == "/t/acme/sessions")
            let other = TestBrowser(world.server)
            _ = try await world.code(other, "acme-trusted")
            let page = try await browser.get("/t/acme/sessions", headers: [.userAgent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"])
            #expect(page.status == .ok)
            let id = try #require(page.between("name=\"session\" value=\"", "\""))
            #expect(UUID(uuidString: id) != nil)
            let stranger = TestBrowser(world.server)
            _ = try await world.typeIn(stranger, stranger.get("/sign-in"), "gus@globex.example")
            let theirs = try await stranger.get("/sessions")
            #expect(try await stranger.submit(theirs, ["session": id]).status == .ok)
            #expect(try await world.authorize(other, "acme-trusted", ["prompt": "none"]).answer["code"] != nil)

            let ended = try await browser.submit(page, ["action": "sign_out_others"])
            #expect(ended.status == .ok)
            #expect(try await world.authorize(other, "acme-trusted", ["prompt": "none"]).answer["error"] == "login_required")
            #expect(try await browser.get("/sessions").status == .ok)
            _ = try await browser.submit(page, ["action": "sign_out_everywhere"])
            #expect(browser.cookies["__Host-sallyport_session"] == nil)
            #expect(try await browser.get("/sessions").location == "/sign-in")
        }
    }

    @Test("Who is in several tenants chooses one") func tenantChoice() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let page = try await world.typeIn(browser, browser.get("/sign-in"), "both@example.com")
            #expect(page.formAction == "/interaction/tenant")
            #expect(try await browser.submit(page, ["tenant": "globex"]).location == "/t/globex/sessions")
            #expect(try await browser.submit(page, ["tenant": "elsewhere"]).location == "/sessions")
        }
    }

    // MARK: Sign-out

    @Test("A client that shows the session's ID token signs out without a question; others ask") func logout() async throws {
        try await AuthorizationWorld.with { world in
            func signedIn() async throws -> (TestBrowser, String) {
                let browser = TestBrowser(world.server)
                let code = try #require(try await world.code(browser).answer["code"])
                return (browser, try #require(try await world.redeem(code).json["id_token"]?.stringValue))
            }
            let bye = ["post_logout_redirect_uri": "https://app.example/bye", "state": "s&t"]
            func path(_ fields: [String: String]) -> String { "/t/acme/oauth2/logout?" + TestBrowser.form(fields) }

            let (first, token) = try await signedIn()
            let gone = try await first.get(path(bye.merging(["id_token_hint": token]) { $1 }))
            #expect(gone.location == "https://app.example/bye?state=s%26t")
            #expect(first.cookies["__Host-sallyport_session"] == nil)
            #expect(try await world.authorize(first, "acme-web", ["prompt": "none"]).answer["error"] == "login_required")
            #expect(
                try await world.count("SELECT count(*) FROM auth.audit_event WHERE action = 'user.signed_out'", world.server.acme) == 1)

            // Another session's token, or only the client's name: the person is asked.
            let (second, _) = try await signedIn()
            for fields in [["id_token_hint": token], ["client_id": "acme-web"]] {
                let page = try await second.get(path(bye.merging(fields) { $1 }))
                #expect(page.formAction == "/t/acme/interaction/sign-out")
                #expect(try await second.submit(page, ["action": "stay"]).location == "/t/acme/sessions")
            }
            #expect(try await world.authorize(second, "acme-web", ["prompt": "none"]).answer["code"] != nil)
            let ask = try await second.get(path(bye.merging(["client_id": "acme-web"]) { $1 }))
            #expect(try await second.submit(ask, ["action": "sign_out"]).location == "https://app.example/bye?state=s%26t")
            #expect(try await second.get("/t/acme/oauth2/logout").body.contains("href") == true)
        }
    }

    @Test("Sign-out redirects to what is registered, and nowhere else") func logoutRedirects() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            for fields: [String: String] in [
                ["client_id": "acme-web", "post_logout_redirect_uri": "https://app.example/bye/"],
                ["client_id": "acme-web", "post_logout_redirect_uri": "https://app.example/callback"],
                ["client_id": "acme-web", "post_logout_redirect_uri": "https://evil.example/bye"],
                ["client_id": "globex-web", "post_logout_redirect_uri": "https://app.example/bye"],
                ["post_logout_redirect_uri": "https://app.example/bye"], ["id_token_hint": "x.y.z"],
                ["client_id": "acme-web", "state": String(repeating: "x", count: 2049)],
            ] {
                let page = try await browser.get("/t/acme/oauth2/logout?" + TestBrowser.form(fields))
                #expect(page.status == .badRequest && page.location == nil, "\(fields)")
            }
            #expect(browser.cookies["__Host-sallyport_session"] != nil)
        }
    }

    // MARK: Invitations

    private static func invite(_ email: String, _ tenant: Tenant, _ server: AuthServerHarness) async throws -> String {
        let secret = OpaqueSecret.generate(.invitation)
        try await server.administration.database.withTenant(tenant.id.rawValue).execute(
            """
            INSERT INTO auth.invitation (tenant_id, id, email, role_name, token_hash, invited_by, expires_at)
            VALUES (\(tenant.id.rawValue), \(UUID()), \(email), 'user', \(secret.hash), '', now() + interval '1 day')
            """)
        return secret.rawValue
    }

    @Test("An invited person chooses a password; the token leaves the URL at once and works once") func invitation() async throws {
        try await AuthorizationWorld.with { world in
            let token = try await Self.invite("guest@example.com", world.server.acme, world.server)
            let browser = TestBrowser(world.server)
            #expect(try await TestBrowser(world.server).get("/t/globex/invitations?token=\(token)").status == .seeOther)
            let elsewhere = TestBrowser(world.server)
            elsewhere.cookies["__Host-sallyport_invitation"] = token
            #expect(try await elsewhere.get("/t/globex/invitations").status == .gone)

            let moved = try await browser.get("/t/acme/invitations?token=\(token)")
            #expect(moved.location == "/t/acme/invitations")
            let page = try await browser.get("/t/acme/invitations")
            #expect(page.formAction == "/t/acme/interaction/invitation")
            #expect(!page.body.contains(token))
            let weak = try await browser.submit(page, ["new_password": "short", "repeated_password": "short"])
            #expect(weak.status == .unprocessableContent)
            let chosen = "seven purple lamps asleep"
            let done = try await browser.submit(page, ["new_password": chosen, "repeated_password": chosen])
            #expect(done.location == "/t/acme/sessions")
            #expect(browser.cookies["__Host-sallyport_invitation"] == nil)
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none"]).answer["code"] != nil)
            browser.cookies["__Host-sallyport_invitation"] = token
            #expect(try await browser.get("/t/acme/invitations").status == .gone)
        }
    }

    @Test("Who has an account accepts by signing in, and nobody else can") func invitationForAccount() async throws {
        try await AuthorizationWorld.with { world in
            let token = try await Self.invite("gus@globex.example", world.server.acme, world.server)
            let browser = TestBrowser(world.server)
            _ = try await browser.get("/t/acme/invitations?token=\(token)")
            let page = try await browser.get("/t/acme/invitations")
            #expect(page.formAction == "/t/acme/interaction/sign-in")
            #expect(page.body.contains("gus@globex.example"))
            #expect(try await world.typeIn(browser, page, "ada@acme.example").status == .forbidden)
            let gus = TestBrowser(world.server)
            _ = try await gus.get("/t/acme/invitations?token=\(token)")
            let done = try await world.typeIn(gus, gus.get("/t/acme/invitations"), "gus@globex.example")
            #expect(done.location == "/t/acme/sessions")
            #expect(try await world.authorize(gus, "acme-trusted", ["prompt": "none"]).answer["code"] != nil)
        }
    }
}
