import Cryptography
import FoundationEssentials
import Hummingbird
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy

// TEMPORARY

struct BrowserSession: Sendable {
    let id: UUID
    let period: Int32
    let account: AccountID
    let authenticatedAt: Int64
    let methods: [String]
    let expiresAt: Int64
}

struct PasswordSignIn: Sendable {
    enum Outcome: Sendable {
        case signedIn(Account, [String])
        case wrong
        case blocked(retryAfterSeconds: Int)
        case mustChangePassword(Account)
        case secondFactorRequired(Account, isEnrolled: Bool)
        case busy
    }
    let accounts: AccountStore
    let hasher: PasswordHasher

    func signIn(email: String, password: String, tenant: Tenant?, origin: RequestOrigin, knownDevice: Bool) async throws -> Outcome {
        let account: Account?
        if let tenant { account = try await accounts.find(email: email, in: tenant.id)?.0 } else { account = try await accounts.find(email: email) }
        guard let account, let text = account.passwordHash, let hash = try? PasswordHash(text),
            try await hasher.verify(password, against: hash) != .wrong
        else { return .wrong }
        if tenant?.settings.requiresSecondFactor ?? false { return .secondFactorRequired(account, isEnrolled: false) }
        return account.mustChangePassword ? .mustChangePassword(account) : .signedIn(account, ["pwd"])
    }
}

struct SecondFactors: Sendable {
    struct Enrolment: Sendable {
        let secret: String
        let qrCode: HTML
    }
    enum Verification: Sendable {
        case right, wrong
        case blocked(retryAfterSeconds: Int)
    }

    func isEnrolled(_ account: AccountID) async throws -> Bool { false }
    func verify(code: String, for account: AccountID, origin: RequestOrigin) async throws -> Verification { code == "123456" ? .right : .wrong }
    func beginEnrolment(for account: Account, issuerName: String) async throws -> Enrolment { Enrolment(secret: "AAAA", qrCode: .empty) }
    func confirm(code: String, for account: Account, origin: RequestOrigin) async throws -> [String]? { code == "123456" ? ["a", "b"] : nil }
}

struct Sessions: Sendable {
    static let cookieName = "__Host-sallyport_session"
    let database: Postgres
    let clock: WallClock

    private func date(_ s: Int64) -> Date { Date(timeIntervalSince1970: Double(s)) }

    func begin(for account: AccountID, methods: [String], replacing: BrowserSession?, origin: RequestOrigin, lifetimeSeconds: Int)
        async throws -> (BrowserSession, OpaqueSecret)
    {
        if let replacing { try await end(replacing, origin: origin) }
        let end = clock.now + Int64(lifetimeSeconds)
        let s = BrowserSession(id: UUID(), period: Period.long(end), account: account, authenticatedAt: clock.now, methods: methods, expiresAt: end)
        let secret = OpaqueSecret.generate(.session, ["\(s.period)"])
        try await database.with(.account(account)).execute(
            """
            INSERT INTO auth.session (period, id, account_id, token_hash, authenticated_at, methods, created_at, last_seen_at, expires_at)
            VALUES (\(s.period), \(s.id), \(account.rawValue), \(secret.hash), \(date(clock.now)), \(methods), \(date(clock.now)), \(date(clock.now)), \(date(end)))
            """)
        return (s, secret)
    }

    func find(_ request: Request) async throws -> (BrowserSession, Account)? {
        guard let value = RequestCookies.value(of: Self.cookieName, in: request), let secret = OpaqueSecret(parsing: value, as: .session),
            let period = Int32(secret.words[0]),
            let found = try await database.queryOptional("SELECT auth.account_of_session(\(period), \(secret.hash))", { try $0.decode(UUID?.self) }),
            let found
        else { return nil }
        let account = AccountID(found)
        guard let session = try await database.with(.account(account)).queryOptional(
            """
            SELECT id, authenticated_at, methods, expires_at FROM auth.session
             WHERE period = \(period) AND token_hash = \(secret.hash) AND ended_at IS NULL AND expires_at > \(date(clock.now))
            """, { try $0.decode(UUID.self, Date.self, [String].self, Date.self) })
        else { return nil }
        guard let a = try await AccountStore(database: database).find(account), !a.isDisabled else { return nil }
        return (
            BrowserSession(
                id: session.0, period: period, account: account, authenticatedAt: Int64(session.1.timeIntervalSince1970), methods: session.2,
                expiresAt: Int64(session.3.timeIntervalSince1970)), a
        )
    }

    func tenantSession(of session: BrowserSession, in tenant: TenantID) async throws -> UUID? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "SELECT id FROM auth.tenant_session WHERE tenant_id = \(tenant.rawValue) AND period = \(session.period) AND session_id = \(session.id) AND ended_at IS NULL"
        ) { try $0.decode(UUID.self) }
    }

    func joinTenant(_ session: BrowserSession, _ tenant: Tenant, origin: RequestOrigin) async throws -> UUID? {
        let result = try await database.withTenant(tenant.id.rawValue).batch([
            """
            INSERT INTO auth.tenant_session (tenant_id, period, id, account_id, session_id, created_at, last_seen_at, expires_at)
            VALUES (\(tenant.id.rawValue), \(session.period), \(UUID()), \(session.account.rawValue), \(session.id), \(date(clock.now)), \(date(clock.now)), \(date(session.expiresAt)))
            ON CONFLICT DO NOTHING
            """,
            """
            SELECT id FROM auth.tenant_session WHERE tenant_id = \(tenant.id.rawValue) AND period = \(session.period)
             AND session_id = \(session.id) AND ended_at IS NULL
            """,
        ])
        return try result.last?.first.map { try $0.decode(UUID.self) }
    }

    struct Listed: Sendable {
        let session: BrowserSession
        let userAgent: String
        let address: String
        let lastSeenAt: Int64
    }

    func all(of account: AccountID) async throws -> [Listed] {
        try await database.with(.account(account)).queryAll(
            """
            SELECT id, period, authenticated_at, methods, expires_at, user_agent, address, last_seen_at FROM auth.session
             WHERE account_id = \(account.rawValue) AND ended_at IS NULL
            """
        ) { row in
            let (id, period, at, methods, end, agent, address, seen) = try row.decode(UUID.self, Int32.self, Date.self, [String].self, Date.self, String.self, String.self, Date.self)
            let session = BrowserSession(id: id, period: period, account: account, authenticatedAt: Int64(at.timeIntervalSince1970), methods: methods, expiresAt: Int64(end.timeIntervalSince1970))
            return Listed(session: session, userAgent: agent, address: address, lastSeenAt: Int64(seen.timeIntervalSince1970))
        }
    }

    func end(_ session: BrowserSession, origin: RequestOrigin) async throws {
        try await database.with(.account(session.account)).execute(
            "UPDATE auth.session SET ended_at = \(date(clock.now)) WHERE period = \(session.period) AND id = \(session.id)")
    }

    static func setCookie(_ secret: OpaqueSecret) -> String { "\(cookieName)=\(secret.rawValue); Path=/; Secure; HttpOnly; SameSite=Lax" }
    static let clearCookie = "\(cookieName)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
}

struct NewPasswords: Sendable {
    let database: Postgres
    let hasher: PasswordHasher
    func minimumLength(_ tenant: Tenant?) -> Int { tenant?.settings.passwordMinimumLength ?? 12 }
    func set(_ password: String?, repeated: String?, of account: Account, tenant: Tenant?, origin: RequestOrigin) async throws -> PasswordSetPage.Problem? {
        guard let password else { return .missing }
        guard password == repeated else { return .notRepeated }
        guard password.utf8.count >= 12 else { return .tooShort(minimumLength: 12) }
        let hash = try await hasher.hash(password)
        try await database.with(.account(account.id)).execute(
            "UPDATE auth.account SET password_hash = \(hash.text), must_change_password = false WHERE id = \(account.id.rawValue)")
        return nil
    }
}
