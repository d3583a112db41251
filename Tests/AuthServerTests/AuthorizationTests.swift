import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Signing in for a client, RFC 6749 §4.1 and OpenID Connect Core §3.1", .enabled(if: TestDatabase.isConfigured))
struct AuthorizationTests {
    @Test("A person signs in, allows the client, and the client gets tokens") func wholeFlow() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let signIn = try await world.authorize(browser)
            #expect(signIn.status == .ok)
            #expect(signIn.formAction == "/t/acme/interaction/sign-in")
            #expect(signIn.headers[.cacheControl] == "no-store")
            #expect(browser.cookies["__Host-sallyport_session"] == nil)

            let consent = try await world.typeIn(browser, signIn)
            #expect(consent.status == .ok)
            #expect(consent.formAction == "/t/acme/interaction/consent")
            #expect(consent.body.contains("Client acme-web"))
            #expect(browser.cookies["__Host-sallyport_session"] != nil)

            let answer = try await browser.submit(consent, ["action": "allow"])
            #expect(answer.status == .seeOther)
            #expect(answer.location?.hasPrefix("https://app.example/callback?code=spac_") ?? false)
            #expect(answer.answer["state"] == "a state & more=é")
            #expect(answer.answer["iss"] == "https://id.example/t/acme")
            #expect(answer.headers[.cacheControl] == "no-store")
            #expect(answer.headers[.referrerPolicy] == "no-referrer")

            let tokens = try await world.redeem(try #require(answer.answer["code"]))
            #expect(tokens.status == .ok, "\(tokens.json)")
            #expect(tokens.json["scope"]?.stringValue == "customers:read openid")
            #expect(tokens.json["id_token"] != nil)

            let counts = try await (
                world.count("SELECT count(*) FROM auth.audit_event WHERE action = 'grant.created'", world.server.acme),
                world.count("SELECT count(*) FROM auth.audit_event WHERE action = 'consent.given'", world.server.acme),
                world.count("SELECT count(*) FROM auth.audit_event WHERE action = 'consent.given'", world.server.globex)
            )
            #expect(counts == (1, 1, 0))
        }
    }

    @Test("Consent is remembered for the scopes that were allowed, and asked for more") func rememberedConsent() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            #expect(try await world.code(browser).answer["code"] != nil)
            #expect(try await world.authorize(browser).answer["code"] != nil)
            #expect(try await world.authorize(browser, "acme-web", ["scope": "customers:read"]).answer["code"] != nil)
            let more = try await world.authorize(browser, "acme-web", ["scope": "openid customers:read customers:write"])
            #expect(more.formAction == "/t/acme/interaction/consent")
            #expect(try await browser.submit(more, ["action": "allow"]).answer["code"] != nil)
            #expect(try await world.authorize(browser, "acme-web", ["scope": "openid customers:write"]).answer["code"] != nil)
            let again = try await world.authorize(browser, "acme-web", ["prompt": "consent"])
            #expect(again.formAction == "/t/acme/interaction/consent")
        }
    }

    @Test("Another person's consent and another client's say nothing") func consentIsNarrow() async throws {
        try await AuthorizationWorld.with { world in
            #expect(try await world.code(TestBrowser(world.server)).answer["code"] != nil)
            let other = TestBrowser(world.server)
            let page = try await world.typeIn(other, world.authorize(other), "both@example.com")
            #expect(page.formAction == "/t/acme/interaction/consent")
            #expect(try await world.code(TestBrowser(world.server), "globex-web", email: "gus@globex.example").answer["code"] != nil)
            #expect(try await world.count("SELECT count(*) FROM auth.consent", world.server.acme) == 1)
            #expect(try await world.count("SELECT count(*) FROM auth.consent", world.server.globex) == 1)
        }
    }

    @Test("A first-party client asks nobody") func firstParty() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let answer = try await world.typeIn(browser, world.authorize(browser, "acme-trusted"))
            #expect(answer.answer["code"] != nil)
            #expect(try await world.count("SELECT count(*) FROM auth.consent", world.server.acme) == 0)
        }
    }

    @Test("A native client never passes unseen, RFC 8252 §8.6") func nativeClient() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let uri = ["redirect_uri": "http://127.0.0.1:51004/cb"]
            #expect(try await world.code(browser, "acme-native", uri).answer["code"] != nil)
            #expect(try await world.authorize(browser, "acme-native", uri).formAction == "/t/acme/interaction/consent")
            let silent = try await world.authorize(browser, "acme-native", uri.merging(["prompt": "none"]) { $1 })
            #expect(silent.answer["error"] == "consent_required")
            let scheme = try await world.authorize(browser, "acme-native", ["redirect_uri": "com.example.app:/cb"])
            #expect(scheme.formAction == "/t/acme/interaction/consent")
            #expect(try await browser.submit(scheme, ["action": "allow"]).location?.hasPrefix("com.example.app:/cb?code=") ?? false)
        }
    }

    @Test("Saying no is told to the client, with state and issuer", arguments: ["deny", "cancel"]) func denial(action: String) async throws
    {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            var page = try await world.authorize(browser)
            if action == "deny" { page = try await world.typeIn(browser, page) }
            let answer = try await browser.submit(page, ["action": action])
            #expect(answer.status == .seeOther)
            #expect(answer.answer["error"] == "access_denied")
            #expect(answer.answer["state"] == "a state & more=é")
            #expect(answer.answer["iss"] == "https://id.example/t/acme")
            #expect(answer.answer["code"] == nil)
        }
    }

    @Test("prompt=none asks nobody anything") func silent() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            #expect(try await world.authorize(browser, "acme-web", ["prompt": "none"]).answer["error"] == "login_required")
            _ = try await world.typeIn(browser, world.authorize(browser))
            #expect(try await world.authorize(browser, "acme-web", ["prompt": "none"]).answer["error"] == "consent_required")
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none"]).answer["code"] != nil)
            world.server.advance.value = 100
            let old = try await world.authorize(browser, "acme-trusted", ["prompt": "none", "max_age": "99"])
            #expect(old.answer["error"] == "login_required")
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none", "max_age": "1000"]).answer["code"] != nil)
        }
    }

    @Test("prompt=login and max_age ask for the password again, and renew auth_time and the session", arguments: ["login", "max_age"])
    func again(how: String) async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            let before = try #require(browser.cookies["__Host-sallyport_session"])
            world.server.advance.value = 60
            let changes = how == "login" ? ["prompt": "login"] : ["max_age": "30"]
            let page = try await world.authorize(browser, "acme-trusted", changes)
            #expect(page.formAction == "/t/acme/interaction/sign-in")
            #expect(page.body.contains("ada@acme.example"))
            #expect(try await world.typeIn(browser, page).answer["code"] != nil)
            let after = try #require(browser.cookies["__Host-sallyport_session"])
            #expect(after != before)
            browser.cookies["__Host-sallyport_session"] = before
            #expect(try await world.authorize(browser, "acme-trusted", ["prompt": "none"]).answer["error"] == "login_required")
            let times = try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).queryAll(
                "SELECT authenticated_at FROM auth.access_grant ORDER BY created_at"
            ) { try $0.decode(Date.self) }
            #expect(times.count == 2 && times[1].timeIntervalSince(times[0]) >= 60)
        }
    }

    @Test("select_account offers the signed-in account and another") func selectAccount() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            let page = try await world.authorize(browser, "acme-trusted", ["prompt": "select_account"])
            #expect(page.formAction == "/t/acme/interaction/account")
            let id = try #require(page.between("name=\"account\" value=\"", "\""))
            #expect(try await browser.submit(page, ["account": id]).answer["code"] != nil)
            let other = try await browser.submit(page, ["action": "use_another_account"])
            #expect(other.formAction == "/t/acme/interaction/sign-in")
            #expect(try await world.typeIn(browser, other, "both@example.com").answer["code"] != nil)
        }
    }

    @Test("A hint at another account offers the choice; the hint fills the form") func loginHint() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let first = try await world.authorize(browser, "acme-trusted", ["login_hint": "ADA@acme.example"])
            #expect(first.body.contains("value=\"ADA@acme.example\""))
            _ = try await world.typeIn(browser, first)
            #expect(try await world.authorize(browser, "acme-trusted", ["login_hint": "ADA@acme.example"]).answer["code"] != nil)
            let page = try await world.authorize(browser, "acme-trusted", ["login_hint": "both@example.com"])
            #expect(page.formAction == "/t/acme/interaction/account")
        }
    }

    @Test("id_token_hint and the sub of claims name the only account that will do") func expectedAccount() async throws {
        try await AuthorizationWorld.with { world in
            let ada = TestBrowser(world.server)
            let code = try #require(try await world.code(ada).answer["code"])
            let idToken = try #require(try await world.redeem(code).json["id_token"]?.stringValue)
            let hint = ["prompt": "none", "id_token_hint": idToken]
            #expect(try await world.authorize(ada, "acme-web", hint).answer["code"] != nil)

            let both = TestBrowser(world.server)
            _ = try await world.code(both, email: "both@example.com")
            #expect(try await world.authorize(both, "acme-web", hint).answer["error"] == "login_required")
            let page = try await world.authorize(both, "acme-web", ["id_token_hint": idToken])
            #expect(page.formAction == "/t/acme/interaction/sign-in")
            #expect(try await world.typeIn(both, page, "both@example.com").answer["error"] == "login_required")
            let broken = try await world.authorize(ada, "acme-web", ["id_token_hint": idToken + "x"])
            #expect(broken.answer["error"] == "invalid_request")
            let others = try await world.authorize(ada, "acme-trusted", ["id_token_hint": idToken])
            #expect(others.answer["error"] == "invalid_request")
            let claims = #"{"id_token":{"sub":{"value":"00000000-0000-0000-0000-000000000000"}}}"#
            #expect(try await world.authorize(ada, "acme-web", ["prompt": "none", "claims": claims]).answer["error"] == "login_required")
        }
    }

    @Test("form_post answers with a form for the redirect URI alone") func formPost() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let page = try await world.code(browser, "acme-web", ["response_mode": "form_post"])
            #expect(page.status == .ok)
            #expect(page.formAction == AuthorizationWorld.callback)
            #expect(page.hiddenFields["code"]?.hasPrefix("spac_") ?? false)
            #expect(page.hiddenFields["state"] == "a state & more=é")
            #expect(page.hiddenFields["iss"] == "https://id.example/t/acme")
            #expect(page.headers[.cacheControl] == "no-store")
            let denied = try await world.authorize(TestBrowser(world.server), "acme-web", ["response_mode": "form_post", "prompt": "none"])
            #expect(denied.hiddenFields["error"] == "login_required")
            let native = try await world.authorize(
                browser, "acme-native", ["response_mode": "form_post", "redirect_uri": "com.example.app:/cb"])
            #expect(native.location?.hasPrefix("com.example.app:/cb?error=invalid_request") ?? false)
        }
    }

    @Test("The root endpoint knows the tenant by the client") func root() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let page = try await browser.get("/oauth2/authorize?" + TestBrowser.form(AuthorizationWorld.request("globex-trusted")))
            #expect(page.formAction == "/t/globex/interaction/sign-in")
            let answer = try await world.typeIn(browser, page, "gus@globex.example")
            #expect(answer.answer["iss"] == "https://id.example/t/globex")
        }
    }

    @Test("A request may be posted, without the cookies that Lax keeps back") func posted() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            let kept = browser.cookies
            browser.cookies = [:]
            let again = try await browser.post("/t/acme/oauth2/authorize", AuthorizationWorld.request("acme-trusted"))
            #expect(again.status == .seeOther)
            #expect(again.headers[values: .setCookie].isEmpty)
            browser.cookies = kept
            #expect(try await browser.get(try #require(again.location)).answer["code"] != nil)
            #expect(try await browser.post("/t/acme/oauth2/authorize", AuthorizationWorld.request("acme-trusted")).answer["code"] != nil)
        }
    }

    @Test("What the role may not have is not granted, and nothing left is an error") func roles() async throws {
        try await AuthorizationWorld.with { world in
            let hash = try await world.server.administration.database.withTenant(world.server.acme.id.rawValue).queryOne(
                "SELECT password_hash FROM auth.account WHERE email = 'ada@acme.example'"
            ) { try $0.decode(String.self) }
            try await AuthorizationWorld.person("reader@acme.example", hash, in: [world.server.acme], world.server, role: "readonly")
            let browser = TestBrowser(world.server)
            let page = try await world.typeIn(
                browser, world.authorize(browser, "acme-web", ["scope": "customers:read customers:write"]), "reader@acme.example")
            #expect(page.formAction == "/t/acme/interaction/consent")
            #expect(page.body.contains("customers:read") && !page.body.contains("customers:write"))
            let nothing = try await world.authorize(browser, "acme-web", ["scope": "customers:write"])
            #expect(nothing.answer["error"] == "invalid_scope")
        }
    }
}
