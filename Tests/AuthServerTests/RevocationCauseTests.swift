import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

/// Every cause has an audit event of its own transaction, so an entry of the same transaction is committed with its cause or not at all.
@Suite("What writes the revocation log, and when", .enabled(if: TestDatabase.isConfigured)) struct RevocationCauseTests {
    /// The newest entries of acme's log with their transaction, and the newest audit event with its.
    private struct Trace: Equatable {
        let entries: [String]
        let entryTransactions: Set<String>
        let action: String
        let eventTransaction: String
    }

    private static func position(_ fixture: GrantFixture) async throws -> Int64 {
        try await fixture.server.database.queryOne("SELECT coalesce(max(position), 0) FROM auth.revocation", as: Int64.self)
    }

    private static func trace(_ fixture: GrantFixture, after position: Int64) async throws -> Trace {
        let tenant = fixture.server.acme.id.rawValue
        let entries = try await fixture.server.database.withTenant(tenant).queryAll(
            """
            SELECT kind || ' ' || target, (transaction_id::text::numeric % 4294967296)::text
              FROM auth.revocation WHERE tenant_id = \(tenant) AND position > \(position) ORDER BY position
            """, as: String.self, String.self)
        let event = try await fixture.server.database.withTenant(tenant).queryOne(
            "SELECT action, xmin::text FROM auth.audit_event WHERE tenant_id = \(tenant) ORDER BY number DESC LIMIT 1",
            as: String.self, String.self)
        return Trace(entries: entries.map(\.0), entryTransactions: Set(entries.map(\.1)), action: event.0, eventTransaction: event.1)
    }

    private static func expect(
        _ action: String, _ entry: String, _ fixture: GrantFixture, _ cause: () async throws -> Void
    ) async throws {
        let before = try await position(fixture)
        try await cause()
        let trace = try await trace(fixture, after: before)
        #expect(trace.action == action && trace.entries == [entry], "\(action)")
        #expect(trace.entryTransactions == [trace.eventTransaction], "\(action): the entry is of another transaction than its cause")
    }

    @Test("What clients do: revoking, and using a code or a refresh token twice") func clients() async throws {
        try await GrantFixture.with { fixture in
            let server = fixture.server
            let web = server.basic("web", secret: fixture.webSecret)
            let (access, refresh) = try await fixture.tokens()
            let grant = try #require(RefreshToken(parsing: refresh)).grant
            let jti = try #require(try await fixture.introspect(access)["jti"]?.stringValue)
            try await Self.expect("token.revoked", "token \(jti)", fixture) {
                let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(access)", headers: web)
                #expect(answer.status == .ok)
            }
            try await Self.expect("grant.revoked", "grant \(grant)", fixture) {
                let answer = try await server.post("/t/acme/oauth2/revoke", "token=\(refresh)", headers: web)
                #expect(answer.status == .ok)
            }
            let first = try await fixture.tokens().refresh
            _ = try await fixture.refresh(first)
            server.advance.value += 600
            let reused = try #require(RefreshToken(parsing: first)).grant
            try await Self.expect("refresh_token.reused", "grant \(reused)", fixture) {
                let answer = try await fixture.refresh(first)
                #expect(answer.error == "invalid_grant")
            }
            let code = try await fixture.code()
            let spent = try #require(AuthorizationCode(parsing: code)).grant
            #expect(try await fixture.redeem(code).status == .ok)
            try await Self.expect("authorization_code.reused", "grant \(spent)", fixture) {
                let answer = try await fixture.redeem(code)
                #expect(answer.error == "invalid_grant")
            }
            #expect(try await server.revoked(server.globex).isEmpty)
        }
    }

    @Test("What is done to people: signing out, ending sessions, other passwords and roles, disabling, removing") func people() async throws
    {
        try await GrantFixture.with { fixture in
            let server = fixture.server
            let (members, acme) = (server.administration.members, server.acme.id)
            let account = try await server.member("ann@example.com", of: server.acme, password: "correct horse battery")
            let sessions = Sessions(database: server.database, clock: server.clock)
            func signIn() async throws -> (BrowserSession, UUID) {
                let (session, _) = try #require(
                    try await sessions.begin(for: account, methods: ["pwd"], replacing: nil, origin: .commandLine, lifetimeSeconds: 3600))
                return (session, try #require(try await sessions.joinTenant(session, server.acme, origin: .commandLine)))
            }
            let (left, ended) = (try await signIn(), try await signIn())
            try await Self.expect("user.signed_out", "session \(Sessions.name(left.1))", fixture) {
                try await sessions.end(left.0, origin: .commandLine)
            }
            try await Self.expect("session.ended", "session \(Sessions.name(ended.1))", fixture) {
                try await server.administration.holdings.endSession(ended.1, in: acme, by: .operator)
            }
            let user = "user \(account.id)"
            try await Self.expect("user.password_changed", user, fixture) {
                let passwords = NewPassword(
                    accounts: server.administration.accounts, hasher: AuthServerHarness.hasher, breached: nil, clock: server.clock)
                guard case .changed = try await passwords.change("another good password", of: account, origin: .commandLine) else {
                    Issue.record("the password is not changed")
                    return
                }
            }
            try await Self.expect("user.password_changed", user, fixture) {
                let hash = try await AuthServerHarness.hasher.hash("a third good password").text
                try await members.setPassword(hash, mustChange: false, of: account.id, in: acme, by: .operator)
            }
            try await Self.expect("membership.changed", user, fixture) {
                try await members.setRole("manager", of: account.id, in: acme, by: .operator)
            }
            try await Self.expect("user.disabled", user, fixture) {
                try await members.setDisabled(true, account.id, in: acme, by: .operator)
            }
            try await Self.expect("membership.removed", user, fixture) { try await members.remove(account.id, from: acme, by: .operator) }
            #expect(try await server.revoked(server.globex).isEmpty)
        }
    }

    @Test("What is done to clients and to the tenant") func administration() async throws {
        try await GrantFixture.with { fixture in
            let server = fixture.server
            let (clients, acme) = (server.administration.clientAdministration, server.acme.id)
            try await Self.expect("client.changed", "client web", fixture) {
                _ = try await clients.update(fixture.web, in: acme, by: .operator) { client, _ in
                    client.scopes = try ScopeSet(parsing: "customers:read")
                }
            }
            try await Self.expect("client.secret_rotated", "client web", fixture) {
                _ = try await clients.rotateSecret(of: fixture.web, in: acme, overlapSeconds: 0, by: .operator)
            }
            try await Self.expect("client.disabled", "client web", fixture) {
                try await clients.setDisabled(true, fixture.web, in: acme, by: .operator)
            }
            try await Self.expect("client.removed", "client web", fixture) {
                try await clients.remove(fixture.web, from: acme, by: .operator)
            }
            try await Self.expect("tenant.disabled", "tenant ", fixture) {
                try await server.administration.tenantAdministration.setDisabled(true, acme, by: .operator)
            }
            #expect(try await server.revoked(server.globex).isEmpty)
        }
    }

    @Test("A revoked token is refused by the admin API and as identity, another tenant's and another one are not") func endpoints()
        async throws
    {
        try await AdminHarness.with { admin in
            let server = admin.server
            let (mine, theirs) = (try await admin.token(server.acme, id: "cli"), try await admin.token(server.globex, id: "other"))
            func statuses(_ tenant: Tenant, _ token: String) async throws -> [Int] {
                let bearer: HTTPFields = [.authorization: "Bearer \(token)"]
                return [
                    try await admin.send(.get, "users", in: tenant, token: token).status.code,
                    try await server.get("/t/\(tenant.slug)/oauth2/userinfo", headers: bearer).status.code,
                ]
            }
            let before = try await statuses(server.acme, mine)
            #expect(before[0] == 200 && before[1] != 401)
            _ = try await server.database.withTenant(server.acme.id.rawValue).batch(
                Revocation.client(try #require(ClientID("cli"))).statements(in: server.acme.id, reason: "test", now: server.clock.now))
            try await server.eventually("refused") { try await statuses(server.acme, mine) == [401, 401] }
            #expect(try await statuses(server.globex, theirs) == before)
        }
    }
}
