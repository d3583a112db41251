import HTTPTypes
import HummingbirdTesting
import NIOCore
import Postgres
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("What an announcement of the database makes the server forget") struct ChangeFeedTests {
    /// How many decisions about requests the server remembers.
    private static func remembered(_ server: AuthServerHarness) async throws -> Int {
        let text = try await server.client.execute(uri: "/metrics", method: .get, headers: [:], body: nil) { String(buffer: $0.body) }
        let line = text.split(separator: "\n").first { $0.hasPrefix("sallyport_cache_entries{") && $0.contains("recognized_requests") }
        return Int(try #require(line?.split(separator: " ").last.flatMap { Double($0) }))
    }

    @Test(
        "Each announcement reaches what it concerns; what nobody understands concerns everything",
        arguments: [
            ("membership", true), ("tenant", true), ("role", true), ("client", true), ("client_secret", true), ("signing_key", true),
            ("memberships", false), ("Membership", false), ("novelty", false),
        ])
    func understood(table: String, isUnderstood: Bool) throws {
        let tenant = TenantID(TestDatabase.acme)
        let change = AuthChange(payload: "\(table) \(tenant)")
        #expect((change != nil) == isUnderstood)
        #expect(change.map(\.tenant) == (isUnderstood ? tenant : nil))
        #expect(AuthChange(payload: "\(table) acme") == nil)
        #expect(AuthChange(payload: table) == nil)
    }

    @Test(
        "A change of who is a member makes nothing be forgotten; one of an unknown kind, everything",
        .enabled(if: TestDatabase.isConfigured))
    func decisions() async throws {
        try await AuthServerHarness.with { server in
            // What the set-up announced is heard before this is.
            try await remember(server)
            try await announce("signing_key \(server.globex.id)", server)
            try await server.eventually("the set-up is over") { try await Self.remembered(server) < 2 }
            try await remember(server)
            // Announced by the table's own trigger; what follows on the channel is heard after it.
            _ = try await server.member("new@acme.example", of: server.acme)
            try await announce("signing_key \(server.globex.id)", server)
            try await server.eventually("the next announcement is heard") { try await Self.remembered(server) < 2 }
            #expect(try await Self.remembered(server) == 1, "acme's")
            try await announce("novelty \(server.globex.id)", server)
            try await server.eventually("everything is forgotten") { try await Self.remembered(server) == 0 }
        }
    }

    /// A decision for each of the two tenants.
    private func remember(_ server: AuthServerHarness) async throws {
        try await server.eventually("both are remembered") {
            for tenant in [server.acme, server.globex] { _ = try await server.token(tenant) }
            return try await Self.remembered(server) == 2
        }
    }

    private func announce(_ payload: String, _ server: AuthServerHarness) async throws {
        try await server.database.execute("SELECT pg_notify('sallyport_auth', \(payload))")
    }
}
