import FoundationEssentials
import HTTPTypes
import OAuth
import Postgres
import Revocation
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Revoked tokens", .enabled(if: TestDatabase.isConfigured)) struct ResourceRevocationTests {
    /// A token with everything by which it can be revoked; the other tenant's has the same names.
    private static func claims(_ api: ResourceAPIHarness, _ tenant: TenantSlug) throws -> AccessTokenClaims {
        var claims = try api.claims(tenant)
        claims.tokenID = "token-1"
        claims.grantID = "20000.grant-1"
        claims.sessionID = "session-1"
        return claims
    }

    private static func token(_ api: ResourceAPIHarness, _ tenant: TenantSlug, _ change: (inout AccessTokenClaims) -> Void) throws -> String
    {
        var claims = try claims(api, tenant)
        change(&claims)
        return try api.issuer.sign(AccessTokenCodec.payload(claims), as: tenant)
    }

    @Test(
        "An entry of the log ends the token at once, though it is known, and no other tenant's",
        arguments: [
            (RevocationKind.token, "token-1"), (.grant, "20000.grant-1"), (.session, "session-1"), (.user, "service"), (.client, "service"),
            (.tenant, ""),
        ]
    )
    func entries(_ kind: RevocationKind, _ target: String) async throws {
        try await ResourceAPIHarness.with { api in
            let mine = try Self.token(api, api.acme) { _ in }
            let theirs = try Self.token(api, api.globex) { _ in }
            let other = try Self.token(api, api.acme) { claims in
                claims.tokenID = "token-2"
                claims.grantID = "20000.grant-2"
                claims.sessionID = "session-2"
                claims.subject = "someone"
                claims.clientID = ClientID("another") ?? claims.clientID
            }
            for token in [mine, theirs, other] { #expect(try await api.admits(token)) }

            try await api.revoke(kind, target, in: TestDatabase.acme)
            try await api.eventually("refused") { try await !api.admits(mine) }
            let refusal = try await api.send(.get, "customers", token: mine)
            #expect(refusal.status == .unauthorized)
            #expect(refusal.headers[.wwwAuthenticate]?.contains("error=\"invalid_token\"") == true)
            #expect(try await api.admits(theirs))
            #expect(try await api.admits(other) == (kind != .tenant))
        }
    }

    @Test("What was revoked before the start is refused from the first request on") func beforeStart() async throws {
        try await ResourceAPIHarness.with(prepare: { database in
            try await ResourceAPIHarness.revoke(.session, "session-1", in: TestDatabase.acme, of: database)
            try await ResourceAPIHarness.revoke(.client, "service", in: TestDatabase.globex, notBefore: -3600, of: database)
        }) { api in
            let (revoked, newer) = (try Self.token(api, api.acme) { _ in }, try Self.token(api, api.globex) { _ in })
            #expect(try await !api.admits(revoked))
            #expect(try await api.admits(newer))
        }
    }

    @Test("While the log cannot be heard, tokens are refused for the moment and not for good") func deafness() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            #expect(try await api.admits(token))
            try await api.database.withPool(role: "postgres") { postgres in
                try await postgres.execute("REVOKE CONNECT ON DATABASE \(identifier: api.database.name) FROM sallyport_api")
                try await postgres.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = 'sallyport_api' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
                    """)
                try await api.eventually("refused") { try await api.send(.get, "customers", token: token).status == .serviceUnavailable }
                let refusal = try await api.send(.get, "customers", token: token)
                #expect(refusal.status == .serviceUnavailable && refusal.headers[.retryAfter] == "1")
                #expect(try await !api.isReady)
                #expect(try await api.send(.get, "customers", token: "x").status == .unauthorized, "a bad token is bad")

                try await postgres.execute("GRANT CONNECT ON DATABASE \(identifier: api.database.name) TO sallyport_api")
                try await api.eventually("admitted again") { try await api.admits(token) }
            }
        }
    }

    @Test("The API's role reads the log through its function and nothing else of schema auth") func privileges() async throws {
        try await TestDatabase.with { database in
            try await ResourceAPIHarness.revoke(.user, "u", in: TestDatabase.globex, of: database)
            try await database.withPool(role: "sallyport_api") { postgres in
                let living = try await RevocationLog(database: postgres).living(at: WallClock.system.now)
                #expect(living.map(\.target) == ["u"])
                for table in ["revocation", "account", "client"] {
                    await #expect(throws: PostgresError.self) { try await postgres.query("SELECT 1 FROM auth.\(identifier: table)") }
                }
            }
            try await database.withPool(role: "sallyport_auth") { postgres in
                let log = RevocationLog(database: postgres)
                let (now, later) = (
                    try await log.living(at: WallClock.system.now), try await log.living(at: WallClock.system.now + 100_000)
                )
                #expect(now.count == 1 && later.isEmpty)
            }
        }
    }
}

extension ResourceAPIHarness {
    /// Whether the gate lets the token pass, whatever becomes of the request.
    func admits(_ token: String) async throws -> Bool {
        let status = try await send(.get, "customers?limit=1", token: token).status
        return status != .unauthorized && status != .serviceUnavailable
    }

    func revoke(_ kind: RevocationKind, _ target: String, in tenant: UUID) async throws {
        try await Self.revoke(kind, target, in: tenant, of: database)
    }

    /// Adds to the log what auth-server would.
    ///
    /// - Parameter notBefore: up to when tokens are dead, in seconds from now.
    static func revoke(_ kind: RevocationKind, _ target: String, in tenant: UUID, notBefore: Int64 = 0, of database: TestDatabase)
        async throws
    {
        try await database.withPool(role: "sallyport_auth") { postgres in
            let now = WallClock.system.now
            let (from, end) = (Date(timeIntervalSince1970: Double(now + notBefore)), Date(timeIntervalSince1970: Double(now + 3600)))
            _ = try await postgres.query(
                """
                INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
                VALUES (\(tenant), \(Int32((now + 3600) / 86_400)), \(kind.rawValue), \(target), \(from), 'test', \(end))
                """, settings: .tenant(tenant))
        }
    }
}
