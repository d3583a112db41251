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

@Suite("Refresh tokens, RFC 6749 §6 and RFC 9700 §4.14", .enabled(if: TestDatabase.isConfigured)) struct RefreshTokenGrantTests {
    @Test("Each refresh gives a new token, and the new one goes on") func rotation() async throws {
        try await GrantFixture.with { fixture in
            var token = try await fixture.tokens().refresh
            var seen: Set<String> = [token]
            for _ in 0..<5 {
                let answer = try await fixture.refresh(token)
                #expect(answer.status == .ok)
                #expect(answer.scope == GrantFixture.scopes)
                token = try #require(answer.refreshToken)
                #expect(seen.insert(token).inserted)
            }
        }
    }

    @Test("A retry within the grace window gets the same successor, however often and at the same instant") func grace() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().refresh
            let successors = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<10 { group.addTask { try await fixture.refresh(token).refreshToken } }
                return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
            }
            #expect(successors.count == 1 && !successors.contains(nil))
            let successor = try #require(successors.first ?? nil)
            fixture.server.advance.value = RefreshTokens.graceSeconds - 2
            #expect(try await fixture.refresh(token).refreshToken == successor)
            #expect(try await fixture.refresh(successor).status == .ok)
        }
    }

    @Test("A spent token after the grace window ends the family, access tokens included") func reuse() async throws {
        try await GrantFixture.with { fixture in
            let (access, token) = try await fixture.tokens()
            let answer = try await fixture.refresh(token)
            let (successor, newAccess) = (try #require(answer.refreshToken), try #require(answer.accessToken))
            fixture.server.advance.value = RefreshTokens.graceSeconds + 1
            #expect(try await fixture.refresh(token).error == "invalid_grant")
            #expect(try await fixture.refresh(successor).error == "invalid_grant")
            for dead in [access, newAccess] {
                try await fixture.server.eventually("the access token is dead") { try await !fixture.isActive(dead) }
            }
            #expect(try await fixture.auditActions().contains("refresh_token.reused"))
        }
    }

    @Test("A token two generations old ends the family even within the window: two branches live nowhere") func grandparent() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().refresh
            let second = try #require(try await fixture.refresh(token).refreshToken)
            let third = try #require(try await fixture.refresh(second).refreshToken)
            #expect(try await fixture.refresh(token).error == "invalid_grant")
            #expect(try await fixture.refresh(third).error == "invalid_grant")
        }
    }

    @Test("A forged token of a known grant ends nothing") func forged() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().refresh
            let known = try #require(RefreshToken(parsing: token))
            let next = try #require(try await fixture.refresh(token).refreshToken)
            for generation in ["0", "1", "2", "9999999"] as [String] {
                let forged = OpaqueSecret.generate(.refreshToken, [known.secret.words[0], known.secret.words[1], generation])
                #expect(try await fixture.refresh(forged.rawValue).error == "invalid_grant", "generation \(generation)")
            }
            #expect(try await fixture.refresh(next).status == .ok)
        }
    }

    @Test(
        "Malformed tokens are refused without a trap",
        arguments: [
            "x", "sprt_", "sprt_1.2.3", "sprt_-1.11111111-1111-4111-8111-111111111111.0.\(String(repeating: "A", count: 49))",
            "sprt_99999999999.11111111-1111-4111-8111-111111111111.0.\(String(repeating: "A", count: 49))",
            String(repeating: "a", count: 5000),
        ]
    )
    func malformed(_ token: String) async throws {
        try await GrantFixture.with { fixture in
            let answer = try await fixture.refresh(token)
            #expect(answer.error == "invalid_grant")
        }
    }

    @Test("Another client and another tenant get nothing, and spend nothing") func strangers() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().refresh
            #expect(try await fixture.refresh(token, client: "other", secret: fixture.otherSecret).error == "invalid_grant")
            #expect(
                try await fixture.refresh(token, client: "foreign", secret: fixture.foreignSecret, tenant: "globex").error
                    == "invalid_grant"
            )
            #expect(try await fixture.refresh(token).status == .ok)
        }
    }

    @Test("Scopes can be narrowed for one access token; asking for more spends nothing") func scopes() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().refresh
            #expect(try await fixture.refresh(token, scope: "customers:read+customers:delete").error == "invalid_scope")
            let narrowed = try await fixture.refresh(token, scope: "customers:read")
            #expect(narrowed.scope == "customers:read")
            let next = try #require(narrowed.refreshToken)
            #expect(try await fixture.refresh(next).scope == GrantFixture.scopes)
        }
    }

    @Test("An unused token ends after its idle time, and the grant after its absolute time") func lifetimes() async throws {
        try await GrantFixture.with { fixture in
            let idle = try await fixture.tokens().refresh
            fixture.server.advance.value = 1_296_001
            #expect(try await fixture.refresh(idle).error == "invalid_grant")
            fixture.server.advance.value = 0
            var token = try await fixture.tokens(lifetimeSeconds: 1000).refresh
            for moment in [400, 800] as [Int64] {
                fixture.server.advance.value = moment
                let answer = try await fixture.refresh(token)
                let left = try #require(answer.json["expires_in"]?.intValue)
                #expect((195...605).contains(left), "an access token does not outlive its grant")
                token = try #require(answer.refreshToken)
            }
            fixture.server.advance.value = 1001
            #expect(try await fixture.refresh(token).error == "invalid_grant")
        }
    }

    @Test("A revoked grant gives nothing more; a refresh that races the revocation leaves no living token") func revocationRace()
        async throws
    {
        try await GrantFixture.with { fixture in
            for _ in 0..<8 {
                let token = try await fixture.tokens().refresh
                async let refreshed = fixture.refresh(token)
                async let revoked = fixture.server.post(
                    "/t/acme/oauth2/revoke", "token=\(token)", headers: fixture.server.basic("web", secret: fixture.webSecret)
                )
                let (answer, revocation) = try await (refreshed, revoked)
                #expect(revocation.status == .ok)
                if let access = answer.accessToken, let successor = answer.refreshToken {
                    #expect(try await !fixture.isActive(access))
                    #expect(try await fixture.refresh(successor).error == "invalid_grant")
                }
                #expect(try await fixture.refresh(token).error == "invalid_grant")
            }
        }
    }

    @Test("A role that was lowered narrows the next token; a member who was disabled gets none") func membership() async throws {
        try await GrantFixture.with { fixture in
            let database = fixture.server.administration.database.withTenant(fixture.server.acme.id.rawValue)
            let token = try await fixture.tokens().refresh
            _ = try await database.query("UPDATE auth.membership SET role_name = 'readonly' WHERE account_id = \(fixture.account.rawValue)")
            let answer = try await fixture.refresh(token)
            #expect(answer.scope == "customers:read offline_access")
            _ = try await database.query("UPDATE auth.membership SET disabled_at = now() WHERE account_id = \(fixture.account.rawValue)")
            #expect(try await fixture.refresh(try #require(answer.refreshToken)).error == "invalid_grant")
        }
    }

    @Test("Revoking by kind ends what it names, at once and in its tenant", arguments: ["user", "client", "tenant", "grant"])
    func kinds(_ kind: String) async throws {
        try await GrantFixture.with { fixture in
            let (access, refresh) = try await fixture.tokens()
            let grant = try #require(RefreshToken(parsing: refresh)).grant
            let revocation: Revocation =
                switch kind {
                case "user": .user(fixture.account)
                case "client": .client(fixture.web)
                case "tenant": .tenant
                default: .grant(grant)
                }
            let now = fixture.codes.clock.now
            try await fixture.store.write(
                revocation.statements(in: fixture.server.globex.id, reason: "test", now: now), in: fixture.server.globex.id
            )
            #expect(try await fixture.isActive(access), "the same names in another tenant")
            try await fixture.store.write(
                revocation.statements(in: fixture.server.acme.id, reason: "test", now: now), in: fixture.server.acme.id
            )
            try await fixture.server.eventually("the access token is dead") { try await !fixture.isActive(access) }
            #expect(try await fixture.refresh(refresh).error == "invalid_grant")
            if kind != "grant" {
                let (again, _) = try await fixture.tokens()
                #expect(try await fixture.isActive(again), "what is granted afterwards lives")
            }
        }
    }
}
