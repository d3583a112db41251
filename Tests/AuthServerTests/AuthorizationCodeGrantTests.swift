import Cryptography
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

@Suite("Authorization codes, RFC 6749 §4.1.3 and RFC 7636", .enabled(if: TestDatabase.isConfigured)) struct AuthorizationCodeGrantTests {
    @Test("A code with its verifier gives an access token of the person and a refresh token") func redeems() async throws {
        try await GrantFixture.with { fixture in
            let answer = try await fixture.redeem(fixture.code())
            #expect(answer.status == .ok)
            #expect(answer.scope == GrantFixture.scopes)
            #expect(answer.json["id_token"] == nil, "openid was not asked for")
            let token = try #require(answer.accessToken)
            let seen = try await fixture.introspect(token)
            #expect(seen["sub"]?.stringValue == fixture.account.description)
            #expect(seen["roles"]?.arrayValue?.compactMap(\.stringValue) == ["user"])
            #expect(seen["client_id"]?.stringValue == "web")
            #expect(seen["grant_id"]?.stringValue != nil)
        }
    }

    @Test(
        "A code is good only for its own client, redirect URI, verifier and tenant, and a failed try does not spend it",
        arguments: [
            ("verifier", "invalid_grant"), ("short verifier", "invalid_grant"), ("redirect URI", "invalid_grant"),
            ("client", "invalid_grant"), ("tenant", "invalid_client"), ("foreign client", "invalid_grant"), ("code", "invalid_grant"),
        ]
    )
    func bindings(_ what: String, _ error: String) async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            let answer =
                switch what {
                case "verifier": try await fixture.redeem(code, verifier: "eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
                case "short verifier": try await fixture.redeem(code, verifier: String(GrantFixture.verifier.dropLast()))
                case "redirect URI": try await fixture.redeem(code, redirectURI: GrantFixture.redirectURI + "/")
                case "client": try await fixture.redeem(code, client: "other", secret: fixture.otherSecret)
                case "tenant": try await fixture.redeem(code, tenant: "globex")
                case "foreign client": try await fixture.redeem(code, client: "foreign", secret: fixture.foreignSecret, tenant: "globex")
                default:
                    try await fixture.redeem(OpaqueSecret.generate(.authorizationCode, ["1", "1", fixture.account.description]).rawValue)
                }
            #expect(answer.error == error)
            #expect(try await fixture.redeem(code).status == .ok, "the owner can still redeem it")
        }
    }

    @Test("The redirect URI must be named where the authorization request named it, §4.1.3", arguments: [true, false])
    func naming(_ mustNameURI: Bool) async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code(mustNameURI: mustNameURI)
            let answer = try await fixture.server.post(
                "/t/acme/oauth2/token", "grant_type=authorization_code&code=\(code)&code_verifier=\(GrantFixture.verifier)",
                headers: fixture.server.basic("web", secret: fixture.webSecret))
            #expect((answer.status == .ok) == !mustNameURI)
        }
    }

    @Test("A code lives for a minute") func expiry() async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            fixture.server.advance.value = 60
            #expect(try await fixture.redeem(code).error == "invalid_grant")
            fixture.server.advance.value = 58
            #expect(try await fixture.redeem(code).status == .ok)
        }
    }

    @Test("A code used twice ends what the first use gave") func replay() async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            let first = try await fixture.redeem(code)
            let (access, refresh) = (try #require(first.accessToken), try #require(first.refreshToken))
            #expect(try await fixture.isActive(access))
            #expect(try await fixture.redeem(code).error == "invalid_grant")
            #expect(try await fixture.refresh(refresh).error == "invalid_grant")
            try await fixture.server.eventually("the access token is dead") { try await !fixture.isActive(access) }
            #expect(try await fixture.auditActions().contains("authorization_code.reused"))
        }
    }

    @Test("Another client that finds a spent code cannot end the grant with it") func foreignReplay() async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            let refresh = try #require(try await fixture.redeem(code).refreshToken)
            #expect(try await fixture.redeem(code, client: "other", secret: fixture.otherSecret).error == "invalid_grant")
            #expect(try await fixture.refresh(refresh).status == .ok)
        }
    }

    @Test("Of many redemptions at the same instant exactly one wins") func race() async throws {
        try await GrantFixture.with { fixture in
            for _ in 0..<10 {
                let code = try await fixture.code()
                let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<8 { group.addTask { try await fixture.redeem(code).status == .ok } }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(wins == 1)
            }
        }
    }

    @Test(
        "What the role lost since is not given",
        arguments: [("readonly", "customers:read offline_access"), ("manager", GrantFixture.scopes)])
    func role(_ role: String, _ scope: String) async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            _ = try await fixture.server.administration.database.withTenant(fixture.server.acme.id.rawValue).query(
                "UPDATE auth.membership SET role_name = \(role) WHERE account_id = \(fixture.account.rawValue)"
            )
            #expect(try await fixture.redeem(code).scope == scope)
        }
    }

    @Test("A person who was disabled since gets nothing") func disabledMember() async throws {
        try await GrantFixture.with { fixture in
            let code = try await fixture.code()
            _ = try await fixture.server.administration.database.withTenant(fixture.server.acme.id.rawValue).query(
                "UPDATE auth.membership SET disabled_at = now() WHERE account_id = \(fixture.account.rawValue)"
            )
            #expect(try await fixture.redeem(code).error == "invalid_grant")
        }
    }

    @Test("The code's row cannot be seen or spent in another tenant") func store() async throws {
        try await GrantFixture.with { fixture in
            let code = try #require(AuthorizationCode(parsing: try await fixture.code()))
            let challenge = CodeChallenge(s256: try CodeVerifier(GrantFixture.verifier)).rawValue
            let now = fixture.codes.clock.now
            for tenant in [fixture.server.globex.id, fixture.server.acme.id] {
                let redeemed = try await fixture.store.redeem(
                    code, for: fixture.web, redirectURI: GrantFixture.redirectURI, codeChallenge: challenge, refresh: nil, in: tenant,
                    now: now
                )
                #expect((redeemed != nil) == (tenant == fixture.server.acme.id))
                #expect(try await fixture.store.isSpent(code, by: fixture.web, in: fixture.server.globex.id) == false)
                #expect(try await fixture.store.find(code.grant, in: fixture.server.globex.id) == nil)
            }
        }
    }
}
