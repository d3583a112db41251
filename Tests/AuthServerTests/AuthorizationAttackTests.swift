import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Attacks on the authorization endpoint, RFC 9700", .enabled(if: TestDatabase.isConfigured))
struct AuthorizationAttackTests {
    @Test("Nobody is sent to a redirect URI that is not registered, §4.1 and §4.11") func openRedirects() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-trusted")
            for uri in [
                "https://app.example/callback/", "https://app.example/callbac", "https://app.example/callback2",
                "https://app.example/Callback", "https://app.example/callback?x=1", "https://app.example/callback#x",
                "https://app.example:444/callback", "http://app.example/callback", "https://app.example.evil.example/callback",
                "https://app.example@evil.example/callback", "https://evil.example/callback", "https://evil.example\\@app.example/callback",
                "https://app.example/callback/../evil", "https://app.example/%63allback", "https://app.example//callback", "//evil.example",
                "javascript:alert(1)", "data:text/html,x", "/callback", "https://app.example/callback\r\nLocation: https://evil.example",
                "https://APP.example/callback", " https://app.example/callback", "https://app.example/callback ", "*",
            ] {
                for prompt in ["none", "login"] {
                    let page = try await world.authorize(browser, "acme-trusted", ["redirect_uri": uri, "prompt": prompt])
                    #expect(page.status == .badRequest, "\(uri)")
                    #expect(page.location == nil, "\(uri)")
                    #expect(page.headers[.contentType] == "text/html; charset=utf-8")
                    #expect(page.formAction == nil)
                }
            }
        }
    }

    @Test("An error in anything but client and redirect URI is told to the client with state and issuer") func toldErrors() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let cases: [(change: [String: String?], code: String)] = [
                (["response_type": "token"], "unsupported_response_type"),
                (["response_type": "code id_token"], "unsupported_response_type"),
                (["response_type": "none"], "unsupported_response_type"), (["response_type": nil], "invalid_request"),
                (["response_mode": "fragment"], "invalid_request"), (["response_mode": "web_message"], "invalid_request"),
                (["code_challenge": nil], "invalid_request"), (["code_challenge": "short"], "invalid_request"),
                (["code_challenge": AuthorizationWorld.verifier + "=", "code_challenge_method": "plain"], "invalid_request"),
                (["code_challenge_method": "plain"], "invalid_request"), (["code_challenge_method": nil], "invalid_request"),
                (["code_challenge_method": "s256"], "invalid_request"), (["scope": "globex:read"], "invalid_scope"),
                (["scope": "customers:read  orders:read"], "invalid_scope"), (["scope": "a\"b"], "invalid_scope"),
                (["prompt": "none login"], "invalid_request"), (["prompt": "none unknown"], "invalid_request"),
                (["max_age": "-1"], "invalid_request"), (["max_age": "1e3"], "invalid_request"),
                (["max_age": "99999999999"], "invalid_request"),
                (["request": "x.y.z"], "request_not_supported"), (["request_uri": "urn:x"], "request_uri_not_supported"),
                (["registration": "{}"], "registration_not_supported"), (["resource": "https://other.example"], "invalid_target"),
                (["claims": "{"], "invalid_request"), (["claims": "[]"], "invalid_request"),
                (["claims": #"{"id_token":{"sub":1}}"#], "invalid_request"),
                (["nonce": String(repeating: "n", count: 513)], "invalid_request"),
                (["id_token_hint": String(repeating: "n", count: 4097)], "invalid_request"),
                (["login_hint": String(repeating: "n", count: 321)], "invalid_request"),
                (["claims": String(repeating: "[", count: 2000)], "invalid_request"),
            ]
            for (change, code) in cases {
                let page = try await world.authorize(browser, "acme-web", change)
                #expect(page.status == .seeOther, "\(change)")
                #expect(page.answer["error"] == code, "\(change)")
                #expect(page.answer["state"] == "a state & more=é")
                #expect(page.answer["iss"] == "https://id.example/t/acme")
                #expect(page.location?.hasPrefix("https://app.example/callback?error=") ?? false)
                #expect(page.location?.contains("#") == false)
            }
            let service = try await world.authorize(browser, "acme-service")
            #expect(service.status == .badRequest && service.location == nil)
        }
    }

    @Test("A client without the grant is told so") func unauthorizedClient() async throws {
        try await AuthorizationWorld.with { world in
            _ = try await AuthorizationWorld.client("acme-legacy", in: world.server.acme, world.server) { $0.grantTypes = [.password] }
            let page = try await world.authorize(TestBrowser(world.server), "acme-legacy")
            #expect(page.answer["error"] == "unauthorized_client")
        }
    }

    @Test("Unknown parameters and unknown scopes are ignored, and the API's resource is accepted") func ignored() async throws {
        try await AuthorizationWorld.with { world in
            let page = try await world.authorize(
                TestBrowser(world.server), "acme-web",
                [
                    "utm_source": "x", "scope": "openid unknown:read", "resource": AuthServerHarness.audience, "acr_values": "urn:x",
                    "ui_locales": "fr de", "display": "popup", "prompt": "create",
                ])
            #expect(page.formAction == "/t/acme/interaction/sign-in")
        }
    }

    @Test("Malformed and huge requests are shown, never a 500 and never a redirect") func malformed() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let good = TestBrowser.form(AuthorizationWorld.request())
            for query in [
                "", "&&&", good + "&state=2", good + "&client_id=acme-web", good + "&redirect_uri=https%3A%2F%2Fevil.example",
                good + "&code_challenge_method=plain", good + "&x=%zz", good + "&x=%ff", good + "&x=%00", good + "&x=%", "client_id=%20",
                "client_id=" + String(repeating: "a", count: 300), good + "&x=" + String(repeating: "y", count: 8192),
                good.replacing("state=", with: "state=" + String(repeating: "z", count: 2048)),
                (0..<120).map { "p\($0)=1" }.joined(separator: "&") + "&" + good,
            ] {
                let page = try await browser.get("/t/acme/oauth2/authorize?" + query)
                #expect(page.status == .badRequest, "\(query.prefix(200))")
                #expect(page.location == nil)
                let posted = try await browser.send(
                    "/t/acme/oauth2/authorize", .post,
                    [.contentType: "application/x-www-form-urlencoded", .cookie: "__Host-sallyport_session=x"], query)
                #expect(posted.status == .badRequest || posted.status == .seeOther && posted.location?.hasPrefix("/t/acme/") ?? false)
            }
            for type in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
                let page = try await browser.send("/t/acme/oauth2/authorize", .post, [.contentType: type], good)
                #expect(page.status == .badRequest)
            }
            let huge = try await browser.send(
                "/t/acme/oauth2/authorize", .post, [.contentType: "application/x-www-form-urlencoded"],
                String(repeating: "a", count: 40_000))
            #expect(huge.status == .contentTooLarge)
            #expect(
                try await browser.send(AuthorizationWorld.path(AuthorizationWorld.request()), .head, [:], nil).status == .methodNotAllowed)
            let json = try await browser.get("/t/acme/oauth2/authorize", headers: [.accept: "application/json"])
            #expect(json.headers[.contentType] == "application/json" && json.body.contains("invalid_request"))
            #expect(try await browser.get(AuthorizationWorld.path(AuthorizationWorld.request(), tenant: "nowhere")).status == .notFound)
        }
    }

    @Test("The longest state comes back whole") func longestState() async throws {
        try await AuthorizationWorld.with { world in
            let state = String(repeating: "&", count: 2048)
            let page = try await world.authorize(TestBrowser(world.server), "acme-web", ["state": state, "prompt": "none"])
            #expect(page.answer["state"] == state)
        }
    }

    @Test("One tenant's client, session, page and token are nothing in the other") func crossTenant() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let strange = try await browser.get(AuthorizationWorld.path(AuthorizationWorld.request("acme-web"), tenant: "globex"))
            #expect(strange.status == .badRequest && strange.location == nil)

            _ = try await world.code(browser, "acme-trusted")
            #expect(try await world.authorize(browser, "globex-trusted", ["prompt": "none"]).answer["error"] == "login_required")
            let globex = try await world.authorize(browser, "globex-trusted")
            let refused = try await world.typeIn(browser, globex, "ada@acme.example")
            #expect(refused.status == .unprocessableContent)

            // A page of one tenant, posted to the other: as it is, and with the other's token.
            let acme = try await world.authorize(browser, "acme-trusted", ["prompt": "login"])
            let fields = ["username": "both@example.com", "password": AuthorizationWorld.password, "action": "sign_in"]
            let carried = acme.hiddenFields.merging(fields) { $1 }
            #expect(try await browser.post("/t/globex/interaction/sign-in", carried).status == .forbidden)
            let mixed = carried.merging(["csrf_token": globex.hiddenFields["csrf_token"] ?? ""]) { $1 }
            let page = try await browser.post("/t/globex/interaction/sign-in", mixed)
            #expect(page.status == .badRequest && page.location == nil)
            // And for another step of the same tenant.
            #expect(try await browser.post("/t/acme/interaction/consent", acme.hiddenFields).status == .forbidden)
        }
    }

    @Test("A member of both tenants signs in once, and has a session in each") func bothTenants() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let first = try await world.code(browser, "acme-trusted", email: "both@example.com")
            #expect(first.answer["code"] != nil && first.answer["iss"] == "https://id.example/t/acme")
            let second = try await world.authorize(browser, "globex-trusted", ["prompt": "none"])
            #expect(second.answer["code"] != nil && second.answer["iss"] == "https://id.example/t/globex")
            for tenant in [world.server.acme, world.server.globex] {
                #expect(try await world.count("SELECT count(*) FROM auth.tenant_session", tenant) == 1)
                #expect(try await world.count("SELECT count(*) FROM auth.access_grant", tenant) == 1)
            }
        }
    }

    @Test("Forms of another browser, of none, and from another site are refused, login CSRF included") func forgery() async throws {
        try await AuthorizationWorld.with { world in
            let attacker = TestBrowser(world.server)
            let victim = TestBrowser(world.server)
            let page = try await world.authorize(attacker)
            let own = try await world.authorize(victim)
            let fields = page.hiddenFields.merging(["username": "ada@acme.example", "password": AuthorizationWorld.password]) { $1 }
            // The attacker's form in the victim's browser.
            #expect(try await victim.post("/t/acme/interaction/sign-in", fields).status == .forbidden)
            // With the victim's token, but the attacker's request.
            let mixed = fields.merging(["csrf_token": own.hiddenFields["csrf_token"] ?? ""]) { $1 }
            #expect(try await victim.post("/t/acme/interaction/sign-in", mixed).status == .badRequest)
            #expect(try await TestBrowser(world.server).post("/t/acme/interaction/sign-in", fields).status == .forbidden)
            #expect(try await world.server.post("/t/acme/interaction/sign-in", TestBrowser.form(fields)).status == .forbidden)
            for token in ["", "x", (fields["csrf_token"] ?? "") + "A"] {
                let forged = try await attacker.post("/t/acme/interaction/sign-in", fields.merging(["csrf_token": token]) { $1 })
                #expect(forged.status == .forbidden)
            }
            for headers: HTTPFields in [
                [.origin: "https://evil.example"], [.secFetchSite: "cross-site"], [.secFetchSite: "same-site"],
                [.origin: "https://id.example.evil.example"], [.origin: "http://id.example"],
            ] {
                #expect(try await attacker.post("/t/acme/interaction/sign-in", fields, headers: headers).status == .forbidden)
            }
            #expect(attacker.cookies["__Host-sallyport_session"] == nil)
            let real: HTTPFields = [.origin: "https://id.example", .secFetchSite: "same-origin"]
            #expect(try await attacker.post("/t/acme/interaction/sign-in", fields, headers: real).status == .ok)
        }
    }

    @Test("A sealed request that was changed or is too old is refused") func tampered() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let page = try await world.authorize(browser)
            let sealed = try #require(page.hiddenFields["request"])
            for broken in ["", "x", String(sealed.dropLast()), sealed + "A", "A" + sealed.dropFirst(), sealed.replacing("A", with: "B")] {
                guard broken != sealed else { continue }
                let answer = try await browser.submit(
                    page, ["request": broken, "username": "ada@acme.example", "password": AuthorizationWorld.password])
                #expect(answer.status == .badRequest && answer.location == nil)
            }
            world.server.advance.value = 3601
            #expect(try await world.typeIn(browser, page).status == .badRequest)
            #expect(browser.cookies["__Host-sallyport_session"] == nil)
        }
    }

    @Test("Whatever is wrong with a sign-in, page and status are the same") func noEnumeration() async throws {
        try await AuthorizationWorld.with { world in
            var seen: Set<String> = []
            for (email, password) in [
                ("ada@acme.example", "wrong"), ("nobody@acme.example", "wrong"), ("gus@globex.example", AuthorizationWorld.password),
                ("not an address", "wrong"), ("ada@acme.example", String(repeating: "x", count: 5000)),
            ] {
                let browser = TestBrowser(world.server)
                let page = try await world.typeIn(browser, world.authorize(browser), email, password: password)
                let text = page.between("role=\"alert\"", "</div>") ?? page.body
                seen.insert("\(page.status.code) \(text)")
                #expect(page.headers[.wwwAuthenticate] == nil)
                #expect(browser.cookies["__Host-sallyport_session"] == nil)
                #expect(browser.cookies["__Host-sallyport_device"] == nil)
                #expect(!page.body.contains(password) || password == "wrong")
            }
            #expect(seen.count == 1, "\(seen)")
            #expect(seen.first?.hasPrefix("422") ?? false)
        }
    }

    @Test("Too many wrong passwords are held up with 429 and Retry-After; the browser that is known is not") func throttled() async throws {
        try await AuthorizationWorld.with { world in
            let known = TestBrowser(world.server)
            _ = try await world.code(known, "acme-trusted")
            known.cookies["__Host-sallyport_session"] = nil
            let browser = TestBrowser(world.server)
            var page = try await world.authorize(browser)
            for _ in 0..<40 where page.status != .tooManyRequests {
                page = try await world.typeIn(browser, page, password: "wrong")
            }
            #expect(page.status == .tooManyRequests)
            #expect(page.headers[.retryAfter].flatMap { Int($0) } ?? 0 > 0)
            // Behind the same address, which is by now blocked for any name.
            for name in 0..<40 {
                page = try await world.typeIn(browser, world.authorize(browser), "nobody\(name)@acme.example")
                if page.status == .tooManyRequests { break }
            }
            #expect(page.status == .tooManyRequests)
            #expect(try await world.typeIn(known, world.authorize(known, "acme-trusted"), "ADA@acme.example").answer["code"] != nil)
            known.cookies["__Host-sallyport_session"] = nil
            // The address may have had an attempt back meanwhile.
            for name in 0..<40 {
                page = try await world.typeIn(known, world.authorize(known), "nobody\(name)@acme.example")
                if page.status == .tooManyRequests { break }
            }
            #expect(page.status == .tooManyRequests)
        }
    }

    @Test("A session that was there before signing in is not the one after, §4 session fixation") func fixation() async throws {
        try await AuthorizationWorld.with { world in
            let attacker = TestBrowser(world.server)
            _ = try await world.code(attacker, "acme-trusted", email: "both@example.com")
            let planted = try #require(attacker.cookies["__Host-sallyport_session"])
            let victim = TestBrowser(world.server)
            victim.cookies["__Host-sallyport_session"] = planted
            let page = try await world.authorize(victim, "acme-trusted", ["prompt": "login"])
            #expect(try await world.typeIn(victim, page).answer["code"] != nil)
            #expect(victim.cookies["__Host-sallyport_session"] != planted)
            #expect(try await world.authorize(attacker, "acme-trusted", ["prompt": "none"]).answer["error"] == "login_required")
        }
    }

    @Test("Every page refuses frames, scripts and caches, §4.16") func clickjacking() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let signIn = try await world.authorize(browser)
            let consent = try await world.typeIn(browser, signIn)
            let error = try await browser.get("/t/acme/oauth2/authorize?client_id=x")
            for page in [signIn, consent, error] {
                let policy = page.headers[.contentSecurityPolicy] ?? ""
                #expect(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"))
                #expect(!policy.contains("script-src"))
                #expect(page.headers[.cacheControl] == "no-store")
                #expect(page.headers[.referrerPolicy] == "no-referrer")
            }
        }
    }

    @Test("Answers to forms redirect with 303, so that no password is posted on, §4.12") func seeOther() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let answer = try await world.typeIn(browser, world.authorize(browser, "acme-trusted"))
            #expect(answer.status == .seeOther)
            #expect(answer.body.isEmpty)
        }
    }

    @Test("A code is good once, for its own verifier, redirect URI and client, §4.5 and §4.8") func codes() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            for change: [String: String?] in [
                ["code_verifier": String(repeating: "a", count: 43)], ["code_verifier": nil],
                ["redirect_uri": "https://app.example/callback/"],
            ] {
                let code = try #require(try await world.code(browser).answer["code"])
                #expect(try await world.redeem(code, change).status == .badRequest, "\(change)")
            }
            let foreign = try #require(try await world.code(browser, "acme-trusted").answer["code"])
            #expect(try await world.redeem(foreign).error == "invalid_grant")
            let code = try #require(try await world.code(browser).answer["code"])
            #expect(try await world.redeem(code).status == .ok)
            #expect(try await world.redeem(code).error == "invalid_grant")
        }
    }

    @Test("Consent is only given for what the page showed, to whom it showed it") func consentIsBound() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let consent = try await world.typeIn(browser, world.authorize(browser))
            // In another tab somebody else signs in.
            let other = try await world.authorize(browser, "acme-trusted", ["prompt": "login"])
            _ = try await world.typeIn(browser, other, "both@example.com")
            let page = try await browser.submit(consent, ["action": "allow"])
            #expect(page.status == .ok && page.formAction == "/t/acme/interaction/consent")
            #expect(page.body.contains("both@example.com"))
            #expect(try await world.count("SELECT count(*) FROM auth.consent", world.server.acme) == 0)
        }
    }
}
