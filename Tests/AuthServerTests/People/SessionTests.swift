import FoundationEssentials
import HTTPTypes
import Hummingbird
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Sessions, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct SessionTests {
    private static let origin = RequestOrigin.commandLine
    private static let month = 2_592_000

    private static func request(_ cookie: String) -> Request {
        Request(
            head: HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: [.cookie: cookie]),
            body: RequestBody(buffer: ByteBuffer()))
    }

    private static func request(_ secret: OpaqueSecret) -> Request {
        request("other=1; \(Sessions.cookieName)=\(secret.rawValue); \(Sessions.cookieName)x=2")
    }

    private static func begin(_ account: Account, _ sessions: Sessions, replacing: BrowserSession? = nil) async throws -> (
        BrowserSession, OpaqueSecret
    ) {
        try #require(
            try await sessions.begin(for: account, methods: ["pwd"], replacing: replacing, origin: origin, lifetimeSeconds: month))
    }

    @Test("A session is found by its cookie until it ends, expires or idles away, or the password changes") func life() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            let (session, secret) = try await Self.begin(account, sessions)
            let (found, owner) = try #require(try await sessions.find(Self.request(secret)))
            #expect(found == session && owner == account)
            for cookie in [
                "", "\(Sessions.cookieName)=", "\(Sessions.cookieName)=\(secret.rawValue)x", "x\(Sessions.cookieName)=\(secret.rawValue)",
                "\(Sessions.cookieName)=\(OpaqueSecret.generate(.session, [String(session.period)]).rawValue)",
                "\(Sessions.cookieName)=\(OpaqueSecret.generate(.session, ["x"]).rawValue)",
            ] {
                #expect(try await sessions.find(Self.request(cookie)) == nil)
            }
            server.advance.value = Sessions.idleSeconds - 10
            #expect(try await sessions.find(Self.request(secret)) != nil)
            server.advance.value += Sessions.idleSeconds - 10
            #expect(try await sessions.find(Self.request(secret)) != nil)
            server.advance.value += Sessions.idleSeconds + 1
            #expect(try await sessions.find(Self.request(secret)) == nil)

            let (second, secondSecret) = try await Self.begin(account, sessions)
            try await sessions.end(second, origin: Self.origin)
            #expect(try await sessions.find(Self.request(secondSecret)) == nil)

            let (_, third) = try await Self.begin(account, sessions)
            server.advance.value += 5
            _ = try await server.administration.accounts.setPassword(
                "x", of: account.id, mustChange: false, in: nil, also: [], now: server.clock.now)
            #expect(try await sessions.find(Self.request(third)) == nil)
            let changed = try #require(try await server.administration.accounts.find(account.id))
            let (_, fourth) = try await Self.begin(changed, sessions)
            #expect(try await sessions.find(Self.request(fourth)) != nil)
            #expect(try await sessions.all(of: account.id, in: nil).count == 2)
        }
    }

    @Test("A session that expired is gone, used or not") func expiry() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            let (_, secret) = try #require(
                try await sessions.begin(for: account, methods: ["pwd"], replacing: nil, origin: Self.origin, lifetimeSeconds: 300))
            server.advance.value = 290
            #expect(try await sessions.find(Self.request(secret)) != nil)
            server.advance.value = 301
            #expect(try await sessions.find(Self.request(secret)) == nil)
        }
    }

    @Test("Each tenant has its own part; ending one leaves the other, and is for good") func tenants() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            let (session, secret) = try await Self.begin(account, sessions)
            #expect(try await sessions.joinTenant(session, server.globex, origin: Self.origin) == nil)
            try await server.join(account, server.globex)
            let acme = try #require(try await sessions.joinTenant(session, server.acme, origin: Self.origin))
            let globex = try #require(try await sessions.joinTenant(session, server.globex, origin: Self.origin))
            #expect(acme != globex)
            #expect(try await sessions.joinTenant(session, server.acme, origin: Self.origin) == acme)
            #expect(try await sessions.all(of: account.id, in: server.acme.id).map(\.id) == [acme])

            #expect(try await sessions.endTenantSession(acme, in: server.globex.id, by: .operator, origin: Self.origin) == false)
            #expect(try await sessions.endTenantSession(acme, in: server.acme.id, by: .operator, origin: Self.origin))
            #expect(try await sessions.endTenantSession(acme, in: server.acme.id, by: .operator, origin: Self.origin) == false)
            #expect(try await server.revoked(server.acme) == ["session \(acme.uuidString.lowercased())"])
            #expect(try await sessions.joinTenant(session, server.acme, origin: Self.origin) == nil)
            #expect(try await sessions.joinTenant(session, server.globex, origin: Self.origin) == globex)
            #expect(try await sessions.find(Self.request(secret)) != nil)

            let (again, _) = try await Self.begin(account, sessions, replacing: session)
            #expect(try await sessions.find(Self.request(secret)) == nil)
            #expect(try await sessions.joinTenant(again, server.globex, origin: Self.origin) == globex)
            let new = try #require(try await sessions.joinTenant(again, server.acme, origin: Self.origin))
            #expect(new != acme)

            try await sessions.end(again, origin: Self.origin)
            #expect(try await server.revoked(server.acme).last == "session \(new.uuidString.lowercased())")
            #expect(try await server.revoked(server.globex) == ["session \(globex.uuidString.lowercased())"])
            #expect(try await server.audited(server.globex).first?.action == "user.signed_out")
            #expect(try await sessions.joinTenant(again, server.globex, origin: Self.origin) == nil)
        }
    }

    @Test("A part that another sign-in is moving to another partition at this instant is ended where it arrives") func movedAway()
        async throws
    {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            let (session, _) = try await Self.begin(account, sessions)
            let sid = try #require(try await sessions.joinTenant(session, server.acme, origin: Self.origin))
            let expiresAt = session.expiresAt + 40 * 86_400
            let later = BrowserSession(
                id: UUID(), period: Period.long(expiresAt), account: account.id, authenticatedAt: session.authenticatedAt, methods: ["pwd"],
                expiresAt: expiresAt)
            try #require(later.period != session.period)
            let isEnded = try await withThrowingTaskGroup(of: Bool.self) { group in
                try await server.database.withTransaction(settings: .account(account.id, in: server.acme.id)) { transaction in
                    _ = try await transaction.query(
                        SessionStore.insertion(
                            later, OpaqueSecret.generate(.session, [String(later.period)]), Self.origin, while: account.passwordMark,
                            after: nil, now: server.clock.now))
                    let move = SessionStore.moveParts(from: session, to: later, in: server.acme.id, now: server.clock.now)
                    #expect(try await transaction.query(move).affectedRows == 1)
                    group.addTask { try await sessions.endTenantSession(sid, in: server.acme.id, by: .operator, origin: Self.origin) }
                    try await server.eventually("the other waits for the row") {
                        // The pool's other connection is the one that waits; and a transaction looks at the others once unless it is told.
                        _ = try await transaction.query("SELECT pg_stat_clear_snapshot()")
                        return try await transaction.queryOne(
                            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                            as: Int64.self) > 0
                    }
                }
                return try await group.next() ?? false
            }
            #expect(isEnded)
            #expect(try await sessions.all(of: account.id, in: server.acme.id).isEmpty)
            #expect(try await server.revoked(server.acme) == ["session \(sid.uuidString.lowercased())"])
        }
    }

    @Test("A tenant's own limits count in it") func limits() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            var tenant = server.acme
            tenant.settings.sessionIdleSeconds = 600
            tenant.settings.sessionLifetimeSeconds = 1500
            let (session, _) = try await Self.begin(account, sessions)
            let sid = try #require(try await sessions.joinTenant(session, tenant, origin: Self.origin))
            server.advance.value = 590
            #expect(try await sessions.joinTenant(session, tenant, origin: Self.origin) == sid)
            server.advance.value = 1180
            #expect(try await sessions.joinTenant(session, tenant, origin: Self.origin) == sid)
            server.advance.value = 1505
            #expect(try await sessions.joinTenant(session, tenant, origin: Self.origin) == nil)
            let (again, _) = try await Self.begin(account, sessions, replacing: session)
            let second = try #require(try await sessions.joinTenant(again, tenant, origin: Self.origin))
            #expect(second != sid)
            server.advance.value += 601
            #expect(try await sessions.joinTenant(again, tenant, origin: Self.origin) == nil)
        }
    }

    @Test("Where a tenant allows one session only, the last one stays, also of several at the same instant") func oneOnly() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let account = try await server.member("ann@example.com", of: server.acme)
            try await server.join(account, server.globex)
            var strict = server.acme
            strict.settings.allowsOneSessionOnly = true
            let tenant = strict
            for _ in 0..<3 {
                var begun: [BrowserSession] = []
                for _ in 0..<4 { begun.append(try await Self.begin(account, sessions).0) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for session in begun {
                        group.addTask {
                            _ = try await sessions.joinTenant(session, tenant, origin: Self.origin)
                            _ = try await sessions.joinTenant(session, server.globex, origin: Self.origin)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await sessions.all(of: account.id, in: server.acme.id).count == 1)
            }
            #expect(try await server.revoked(server.acme).count == 11)
            #expect(try await sessions.all(of: account.id, in: server.globex.id).count == 12)
            #expect(try await server.revoked(server.globex).isEmpty)
        }
    }

    @Test("Another person in the same browser ends the first one's session") func anotherPerson() async throws {
        try await AuthServerHarness.with { server in
            let sessions = Sessions(database: server.database, clock: server.clock)
            let ann = try await server.member("ann@example.com", of: server.acme)
            let bob = try await server.member("bob@example.com", of: server.acme)
            let (session, secret) = try await Self.begin(ann, sessions)
            let sid = try #require(try await sessions.joinTenant(session, server.acme, origin: Self.origin))
            let (other, _) = try await Self.begin(bob, sessions, replacing: session)
            #expect(try await sessions.find(Self.request(secret)) == nil)
            #expect(try await server.revoked(server.acme) == ["session \(sid.uuidString.lowercased())"])
            #expect(try await sessions.joinTenant(other, server.acme, origin: Self.origin) != sid)
            #expect(try await sessions.end(other.id, of: ann.id, origin: Self.origin) == false)
        }
    }

    @Test("The cookie is bound to the host, sent over TLS only, and hidden from scripts") func cookie() {
        let secret = OpaqueSecret.generate(.session, ["1"])
        #expect(Sessions.setCookie(secret) == "__Host-sallyport_session=\(secret.rawValue); Path=/; Secure; HttpOnly; SameSite=Lax")
    }
}
