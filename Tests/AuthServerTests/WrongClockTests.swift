import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("A clock that is wrong for a while", .enabled(if: TestDatabase.isConfigured)) struct WrongClockTests {
    @Test("A jump of an hour, and back, brings no revoked token to life") func hour() async throws {
        try await AuthServerHarness.with { server in
            let token = try await server.token(server.acme)
            try await revoke(token, server)
            server.advance.value = 3700
            // When the second of these is known, what the first has made the server clear away is gone.
            for _ in 0..<2 { try await revoke(try await server.token(server.acme), server) }
            server.advance.value = 0
            #expect(try await introspect(token, server)["active"] == false)
        }
    }

    @Test("A token that only this clock calls expired is revoked all the same; one that nobody can still believe is not written down")
    func expired() async throws {
        try await AuthServerHarness.with { server in
            let token = try await server.token(server.acme)
            let id = try #require(try await introspect(token, server)["jti"]?.stringValue)
            for (ahead, isWritten) in [(3600 + 7200, false), (3600 + 7190, true)] as [(Int64, Bool)] {
                server.advance.value = ahead
                let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(token)", headers: server.basic("acme-service"))
                #expect(answer.status == .ok)
                #expect(try await server.revoked(server.acme).contains { $0.hasSuffix(id) } == isWritten)
            }
            server.advance.value = 0
            #expect(try await introspect(token, server)["active"] == false)
        }
    }

    @Test("A token of a clock that is ahead is not good yet, and can be revoked") func ahead() async throws {
        try await AuthServerHarness.with { server in
            server.advance.value = 3600
            let token = try await server.token(server.acme)
            #expect(try await introspect(token, server)["active"] == true)
            for (ahead, isGood) in [(3590, false), (3598, true), (0, false)] as [(Int64, Bool)] {
                server.advance.value = ahead
                #expect(try await introspect(token, server)["active"] == .bool(isGood))
            }
            let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(token)", headers: server.basic("acme-service"))
            #expect(answer.status == .ok)
            server.advance.value = 3600
            #expect(try await introspect(token, server)["active"] == false)
        }
    }

    @Test(
        "What ends for good takes the tokens of a fast clock with it; what lives on keeps those that come later",
        arguments: [
            (Revocation.grant(GrantID(period: 1, id: UUID())), true), (.session(UUID(), keepingOffline: false), true),
            (.session(UUID(), keepingOffline: true), false), (.user(AccountID(UUID())), false),
        ])
    func fast(revocation: Revocation, isForGood: Bool) {
        #expect((revocation.notBefore(1_000_000) >= 1_000_000 + 3600) == isForGood)
    }

    /// Behind the server's back, so that it hears of it as every other instance does.
    private func revoke(_ token: String, _ server: AuthServerHarness) async throws {
        let state = try await introspect(token, server)
        let id = try #require(state["jti"]?.stringValue)
        let (issued, expires) = (try #require(state["iat"]?.intValue), try #require(state["exp"]?.intValue))
        let revocation = Revocation.token(id, expiresAt: expires)
        try await AccessGrantStore(database: server.administration.database).write(
            revocation.statements(in: server.acme.id, reason: "a test", now: issued), in: server.acme.id)
        try await server.eventually("the token is dead") { try await introspect(token, server)["active"] == false }
    }

    private func introspect(_ token: String, _ server: AuthServerHarness) async throws -> JSONObject {
        try await server.post("/t/acme/oauth2/introspect", "token=\(token)", headers: server.basic("acme-service")).json
    }
}
