import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Password grant, RFC 6749 §4.3", .enabled(if: TestDatabase.isConfigured)) struct PasswordGrantTests {
    private static let password = "a long walk by the river"

    private struct Fixture: Sendable {
        let server: AuthServerHarness
        let account: Account
        let secret: String

        func ask(_ password: String = password, user: String = "pat@acme.example", scope: String? = nil) async throws
            -> AuthServerHarness.Answer
        {
            let words = password.replacing(" ", with: "+")
            return try await server.post(
                "/t/acme/oauth2/token", "grant_type=password&username=\(user)&password=\(words)" + (scope.map { "&scope=\($0)" } ?? ""),
                headers: server.basic("legacy", secret: secret))
        }
    }

    private func with(_ body: @Sendable @escaping (Fixture) async throws -> Void) async throws {
        try await AuthServerHarness.with { server in
            let secret = try await AuthServerHarness.service("legacy", in: server.acme, server.administration) {
                $0.grantTypes = [.password, .refreshToken]
                $0.scopes = try ScopeSet(parsing: "customers:read customers:write openid offline_access")
            }
            let account = try await server.member("pat@acme.example", role: "readonly", of: server.acme, password: Self.password)
            try await body(Fixture(server: server, account: account, secret: secret))
        }
    }

    @Test("A right password gives what client and role allow, and a refresh token that stays within it") func works() async throws {
        try await with { fixture in
            let answer = try await fixture.ask()
            #expect(answer.status == .ok)
            #expect(answer.scope == "customers:read offline_access openid")
            #expect(answer.json["id_token"] != nil)
            let narrow = try await fixture.ask(scope: "customers:read")
            let refreshed = try await fixture.server.post(
                "/t/acme/oauth2/token", "grant_type=refresh_token&refresh_token=\(try #require(narrow.refreshToken))",
                headers: fixture.server.basic("legacy", secret: fixture.secret))
            #expect(refreshed.scope == "customers:read")
        }
    }

    @Test("Wrong, unknown, another tenant's and disabled people get the same words") func refusals() async throws {
        try await with { fixture in
            _ = try await fixture.server.member("gil@globex.example", of: fixture.server.globex, password: Self.password)
            let disabled = try await fixture.server.member("off@acme.example", of: fixture.server.acme, password: Self.password)
            try await fixture.server.administration.database.withTenant(fixture.server.acme.id.rawValue).execute(
                "UPDATE auth.membership SET disabled_at = now() WHERE account_id = \(disabled.id.rawValue)")
            let answers = [
                try await fixture.ask("a long walk by the sea"), try await fixture.ask(user: "nobody@acme.example"),
                try await fixture.ask(user: "gil@globex.example"), try await fixture.ask(user: "off@acme.example"),
            ]
            for answer in answers {
                #expect(answer.status == .badRequest && answer.error == "invalid_grant")
                #expect(answer.json == answers[0].json)
            }
        }
    }

    @Test("The log says who signed in with the grant, and of a right password that was given nothing for its scopes why")
    func audited() async throws {
        try await with { fixture in
            #expect(try await fixture.ask(scope: "customers:write").error == "invalid_scope")
            #expect(try await fixture.server.audited(fixture.server.acme).first?.action == "user.sign_in_failed")
            #expect(try await fixture.ask(scope: "customers:read").status == .ok)
            let log = try await fixture.server.audited(fixture.server.acme).map(\.action)
            #expect(log.prefix(3) == ["grant.created", "user.signed_in", "user.sign_in_failed"])
        }
    }

    @Test("Guessing is slowed down as on the page") func throttle() async throws {
        try await with { fixture in
            var statuses: [HTTPResponse.Status] = []
            for _ in 0..<12 { statuses.append(try await fixture.ask("wrong wrong wrong").status) }
            #expect(statuses.first == .badRequest && statuses.last == .tooManyRequests)
            let blocked = try await fixture.ask()
            #expect(blocked.status == .tooManyRequests, "the right password as well")
            #expect(blocked.headers[.retryAfter].flatMap { Int($0) }.map { $0 > 0 } == true)
        }
    }

    @Test("Strangers who try names through the client hold nobody up for long, and not at all a browser behind the same address")
    func strangers() async throws {
        try await with { fixture in
            for name in 0..<35 {
                #expect(try await fixture.ask("wrong wrong wrong", user: "nobody\(name)@x.example").status == .badRequest)
            }
            #expect(try await fixture.ask().status == .ok)
            let browser = TestBrowser(fixture.server)
            let page = try await browser.get("/t/acme/sign-in")
            let answer = try await browser.submit(
                page, ["username": "pat@acme.example", "password": Self.password, "action": "sign_in"])
            #expect(answer.status == .seeOther)
        }
    }

    @Test("A service account that signs in eight times at once is let in eight times") func atOnce() async throws {
        try await with { fixture in
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.ask().status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == .ok }, "\(statuses)")
        }
    }

    @Test("A client that is not allowed it cannot use it") func registration() async throws {
        try await with { fixture in
            let body = "grant_type=password&username=pat@acme.example&password=\(Self.password.replacing(" ", with: "+"))"
            let answer = try await fixture.server.post("/t/acme/oauth2/token", body, headers: fixture.server.basic("acme-service"))
            #expect(answer.error == "unauthorized_client")
        }
    }

    @Test("A tenant that requires a second factor gives nothing for a password alone") func secondFactor() async throws {
        try await with { fixture in
            try await fixture.server.administration.database.execute(
                "UPDATE auth.tenant SET requires_second_factor = true WHERE id = \(fixture.server.acme.id.rawValue)")
            try await fixture.server.eventually("the tenant's rule is known") { try await fixture.ask().error == "invalid_grant" }
        }
    }

    @Test("A grant stands on the password that was checked: one that was changed meanwhile gives none") func footing() async throws {
        try await with { fixture in
            let store = AccessGrantStore(database: fixture.server.administration.database)
            let tenant = fixture.server.acme.id
            func grant() throws -> AccessGrant {
                AccessGrant(
                    tenantID: tenant, clientID: try #require(ClientID("legacy")), accountID: fixture.account.id, sessionID: nil,
                    type: .password,
                    scopes: .empty, subject: "s", authenticatedAt: 0, methods: ["pwd"], requestedClaims: nil, now: fixture.server.clock.now,
                    lifetimeSeconds: 1000)
            }
            let accounts = AccountStore(database: store.database)
            let checked = try #require(try await accounts.find(fixture.account.id)).passwordMark
            #expect(try await store.insert(grant(), on: .password(checked), refresh: nil, also: []))
            #expect(try await !store.insert(grant(), on: .password(PasswordMark(of: nil)), refresh: nil, also: []))
            // Twice within a second: the time of the change tells nothing.
            let now = fixture.server.clock.now
            for hash in ["first", "second"] {
                _ = try await accounts.setPassword(hash, of: fixture.account.id, mustChange: false, in: nil, also: [], now: now)
                #expect(try await !store.insert(grant(), on: .password(checked), refresh: nil, also: []))
            }
            #expect(try await !store.insert(grant(), on: .password(PasswordMark(of: "first")), refresh: nil, also: []))
            #expect(try await store.insert(grant(), on: .password(PasswordMark(of: "second")), refresh: nil, also: []))
            #expect(try await !store.insert(grant(), on: .session(UUID()), refresh: nil, also: []))
        }
    }
}
