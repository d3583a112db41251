import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("What people see of the applications they have allowed something", .enabled(if: TestDatabase.isConfigured))
struct ApplicationsPageTests {
    private static func isActive(_ token: String, _ world: AuthorizationWorld) async throws -> Bool {
        let answer = try await world.server.post(
            "/t/acme/oauth2/introspect", "token=\(token)", headers: world.server.basic("acme-web", secret: world.secret))
        return answer.json["active"] == true
    }

    @Test("Nobody is shown it without having signed in") func anonymous() async throws {
        try await AuthorizationWorld.with { world in
            for (path, signIn) in [("/applications", "/sign-in"), ("/t/acme/applications", "/t/acme/sign-in")] {
                let page = try await TestBrowser(world.server).get(path)
                #expect(page.status == .seeOther && page.location == signIn)
            }
        }
    }

    @Test("Withdrawing ends the client's grants and asks the person anew; another client, person and tenant keep theirs")
    func withdrawal() async throws {
        try await AuthorizationWorld.with { world in
            _ = try await AuthorizationWorld.client("acme-other", in: world.server.acme, world.server)
            let (browser, ada) = (TestBrowser(world.server), TestBrowser(world.server))
            var access: [String] = []
            var refresh: [String] = []
            for (person, email) in [(browser, "both@example.com"), (ada, "ada@acme.example")] {
                let code = try #require(
                    try await world.code(person, "acme-web", email: email, ["scope": "openid customers:read offline_access"]).answer["code"]
                )
                let tokens = try await world.redeem(code)
                access.append(try #require(tokens.accessToken))
                refresh.append(try #require(tokens.refreshToken))
            }
            #expect(try await world.code(browser, "acme-other", email: "both@example.com").answer["code"] != nil)
            #expect(try await world.code(browser, "globex-web", email: "both@example.com").answer["code"] != nil)

            let page = try await browser.get("/t/acme/applications")
            #expect(page.status == .ok && page.title.hasPrefix("Applications with access"))
            #expect(page.body.contains("Client acme-web") && page.body.contains("Client acme-other"))
            #expect(!page.body.contains("Client globex-web") && !page.body.contains("<script"))
            #expect(page.body.contains("Keep this access while you are away"))

            let done = try await browser.submit(page, ["application": "acme acme-web"])
            #expect(done.status == .ok && done.body.contains("has no access any more"))
            #expect(!done.body.contains("Client acme-web") && done.body.contains("Client acme-other"))
            try await world.server.eventually("the access token is dead") { try await !Self.isActive(access[0], world) }
            #expect(try await Self.isActive(access[1], world))
            let again = try await world.server.post(
                "/t/acme/oauth2/token", "grant_type=refresh_token&refresh_token=\(refresh[0])",
                headers: world.server.basic("acme-web", secret: world.secret))
            #expect(again.error == "invalid_grant")
            #expect(try await world.server.audited(world.server.acme).first?.action == "consent.withdrawn")
            #expect(try await world.server.audited(world.server.globex).allSatisfy { $0.action != "consent.withdrawn" })

            #expect(try await world.authorize(browser, "acme-web", ["prompt": "none"]).answer["error"] == "consent_required")
            #expect(try await world.authorize(browser, "acme-other", ["prompt": "none"]).answer["code"] != nil)
            #expect(try await world.authorize(browser, "globex-web", ["prompt": "none"]).answer["code"] != nil)
            #expect(try await world.authorize(ada, "acme-web", ["prompt": "none"]).answer["code"] != nil)
        }
    }

    @Test("The platform's page shows every tenant of the person, and withdraws in the one that was chosen") func everyTenant() async throws
    {
        try await AuthorizationWorld.with { world in
            let (browser, ada) = (TestBrowser(world.server), TestBrowser(world.server))
            for client in ["acme-web", "globex-web"] { _ = try await world.code(browser, client, email: "both@example.com") }
            _ = try await world.code(ada)
            let page = try await browser.get("/applications")
            for words in ["Client acme-web", "Client globex-web", ">acme<", ">globex<"] { #expect(page.body.contains(words), "\(words)") }
            let done = try await browser.submit(page, ["application": "globex globex-web"])
            #expect(done.body.contains("Client acme-web") && !done.body.contains("Client globex-web"))
            // A tenant that she is not in, and a client of another tenant than the page's.
            let own = try await ada.get("/applications")
            #expect(own.body.contains("Client acme-web"))
            for choice in ["globex acme-web", "globex globex-web", "acme globex-web", "acme", "", "acme  acme-web"] {
                let page = try await ada.submit(own, ["application": choice])
                #expect(page.status == .ok && page.body.contains("Client acme-web"), "\(choice)")
                #expect(!page.body.contains("has no access any more"), "\(choice)")
            }
            let consents: SQL = "SELECT count(*) FROM auth.consent"
            #expect(try await world.count(consents, world.server.acme) == 2)
            #expect(try await world.count(consents, world.server.globex) == 0)
        }
    }

    @Test("The form is good in the browser and the tenant that it was made for") func forgery() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser, "acme-web", email: "both@example.com")
            let page = try await browser.get("/t/acme/applications")
            let stranger = TestBrowser(world.server)
            _ = try await world.code(stranger, "acme-web", email: "ada@acme.example")
            #expect(try await stranger.submit(page, ["application": "acme acme-web"]).status == .forbidden)
            #expect(try await browser.submit(page, ["application": "acme acme-web", "csrf_token": "x"]).status == .forbidden)
            let elsewhere = page.hiddenFields.merging(["application": "acme acme-web"]) { $1 }
            #expect(try await browser.post("/applications", elsewhere).status == .forbidden)
            let foreign: HTTPFields = [.secFetchSite: "cross-site"]
            #expect(try await browser.submit(page, ["application": "acme acme-web"], headers: foreign).status == .forbidden)
            #expect(try await world.count("SELECT count(*) FROM auth.consent", world.server.acme) == 2)
        }
    }

    @Test("A grant that rests on a remembered consent waits for its withdrawal, and is not made") func race() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            _ = try await world.code(browser)
            let server = world.server
            let answer = try await withThrowingTaskGroup(of: TestBrowser.Page.self) { group in
                try await server.database.withTransaction(settings: .tenant(server.acme.id.rawValue)) { transaction in
                    _ = try await transaction.query("DELETE FROM auth.consent")
                    group.addTask { try await world.authorize(browser) }
                    try await server.eventually("the grant waits for the consent") {
                        try await server.database.queryOne(
                            "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted", as: Int64.self) > 0
                    }
                }
                return try #require(try await group.next())
            }
            #expect(answer.formAction == "/t/acme/interaction/consent")
            #expect(try await world.count("SELECT count(*) FROM auth.access_grant", server.acme) == 1)
        }
    }

    @Test("Error pages have the looks of the tenant that they are of; of none they say that there is none") func errors() async throws {
        try await AuthorizationWorld.with { world in
            let browser = TestBrowser(world.server)
            let post = try await browser.post("/t/acme/sign-in", [:])
            #expect(post.status == .methodNotAllowed && post.title.hasSuffix("– acme"), "\(post.title)")
            let other = try await browser.post("/t/globex/sign-in", [:])
            #expect(other.title.hasSuffix("– globex"), "\(other.title)")
            #expect(try await browser.post("/sign-in", [:]).title.hasSuffix("– Sallyport"))
            let nowhere = try await browser.get("/t/nobody/sign-in")
            #expect(nowhere.status == .notFound && nowhere.title == "No such organization – Sallyport")
            let inside = try await browser.get("/t/acme/nothing/here")
            #expect(inside.status == .notFound && inside.title == "Page not found – acme")
            #expect(try await browser.get("/t/nobody/nothing").title == "No such organization – Sallyport")
            let missing = try await browser.get("/nothing/here")
            #expect(missing.status == .notFound && missing.title == "Page not found – Sallyport")
        }
    }
}
