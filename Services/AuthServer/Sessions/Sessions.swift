import FoundationEssentials
import Hummingbird
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// Who is signed in in which browser, and what each tenant has of it.
struct Sessions: Sendable {
    static let cookieName = "__Host-sallyport_session"
    /// How long a browser may be away.
    static let idleSeconds: Int64 = 604_800
    /// How exactly it is known when a session was last seen.
    static let touchSeconds: Int64 = 60

    let store: SessionStore
    let clock: WallClock

    init(database: Postgres, clock: WallClock) {
        store = SessionStore(database: database)
        self.clock = clock
    }

    private var database: Postgres { store.database }

    // MARK: - The browser's session

    /// A new session with a new id and a new secret, whatever the browser had before.
    ///
    /// - Parameters:
    ///   - account: as it was when its password was checked.
    ///   - replacing: the browser's session so far, which ends. If it is the same person's, the tenants' sessions in it go on.
    ///   - keepingAge: only something was added to the session so far, which must live: authentication and end are its own.
    ///   - tenant: whose log says, in the same transaction, that the person has signed in.
    /// - Returns: nil, with nothing begun or ended, where the account has another password by now, or is disabled.
    func begin(
        for account: Account, methods: [String], replacing old: BrowserSession?, keepingAge: Bool = false,
        in tenant: TenantID? = nil, origin: RequestOrigin, lifetimeSeconds: Int
    ) async throws -> (BrowserSession, OpaqueSecret)? {
        let (mark, account) = (account.passwordMark, account.id)
        let now = clock.now
        let kept = keepingAge && old?.account == account ? old : nil
        if keepingAge && kept == nil { return nil }
        let expiresAt = min(now + Int64(lifetimeSeconds), kept?.expiresAt ?? .max)
        let session = BrowserSession(
            id: UUID(), period: Period.long(expiresAt), account: account, authenticatedAt: kept?.authenticatedAt ?? now, methods: methods,
            expiresAt: expiresAt
        )
        let secret = OpaqueSecret.generate(.session, [String(session.period)])
        let isBegun = try await database.withTransaction(settings: .account(account)) { transaction in
            let insertion = SessionStore.insertion(session, secret, origin, while: mark, after: kept?.id, now: now)
            guard try await transaction.execute(insertion) == 1 else { return false }
            if let old, old.account == account, try await SessionStore.end(old.id, of: account, now: now, transaction) != nil {
                for tenant in try await SessionStore.tenants(of: account, transaction) {
                    _ = try await transaction.batch([
                        SessionStore.enter(tenant), SessionStore.moveParts(from: old, to: session, in: tenant, now: now),
                    ])
                }
            }
            if let tenant {
                let event = PasswordSignIn.event(of: account, methods: methods, origin: origin)
                _ = try await transaction.batch([SessionStore.enter(tenant), event.insertion(in: tenant)])
            }
            return true
        }
        guard isBegun else { return nil }
        if let old, old.account != account { try await end(old, origin: origin) }
        return (session, secret)
    }

    /// The session of the request's cookie. Nil for one that has ended, expired or idled away, whose account is disabled, or whose account
    /// has had a new password since.
    func find(_ request: Request) async throws -> (BrowserSession, Account)? {
        guard let secret = Self.secret(request), let period = secret.words.first.flatMap({ Int32($0) }) else { return nil }
        let now = clock.now
        guard let found = try await store.find(secret, period: period, now: now), !found.account.isDisabled,
            found.lastSeenAt + Self.idleSeconds > now, found.session.authenticatedAt >= found.account.passwordChangedAt ?? 0
        else { return nil }
        if found.lastSeenAt + Self.touchSeconds <= now { try await store.touch(found.session, now: now) }
        return (found.session, found.account)
    }

    /// Signs out everywhere in this browser. Grants that were made to work without the person go on.
    func end(_ session: BrowserSession, origin: RequestOrigin) async throws {
        _ = try await end(session.id, of: session.account, origin: origin)
    }

    /// Ends one of the account's browser sessions and the tenants' sessions in it.
    /// - Returns: false where it has ended already, or is somebody else's.
    func end(_ session: UUID, of account: AccountID, origin: RequestOrigin) async throws -> Bool {
        let now = clock.now
        return try await database.withRepeatedTransaction(settings: .account(account)) { transaction in
            guard let period = try await SessionStore.end(session, of: account, now: now, transaction) else { return false }
            for tenant in try await SessionStore.tenants(of: account, transaction) {
                _ = try await transaction.query(SessionStore.enter(tenant))
                guard let part = try await SessionStore.livingPart(of: session, period: period, in: tenant, transaction) else { continue }
                let event = AuditEvent("user.signed_out", by: .user(account), on: "session", Self.name(part), from: origin)
                _ = try await transaction.batch(
                    Revocation.session(part, keepingOffline: true).statements(in: tenant, reason: "signed out", now: now)
                        + [event.insertion(in: tenant)])
            }
            return true
        }
    }

    // MARK: - A tenant's part in it

    /// The tenant's session in this browser, begun if there was none.
    ///
    /// - Returns: its id; nil where it was ended or has expired, or the person may not: they sign in again.
    func joinTenant(_ session: BrowserSession, _ tenant: Tenant, origin: RequestOrigin) async throws -> UUID? {
        if let part = try await store.part(of: session, in: tenant.id) { return try await living(part, session, tenant) }
        if let joined = try await join(session, tenant, origin) { return joined }
        // Another request of the same browser was faster, or there is no way in.
        guard let part = try await store.part(of: session, in: tenant.id) else { return nil }
        return try await living(part, session, tenant)
    }

    private func living(_ part: SessionStore.TenantPart, _ session: BrowserSession, _ tenant: Tenant) async throws -> UUID? {
        let now = clock.now
        guard !part.isEnded, part.expiresAt > now, part.lastSeenAt + Int64(tenant.settings.sessionIdleSeconds) > now else { return nil }
        if part.lastSeenAt + Self.touchSeconds <= now { try await store.touch(part.id, of: session, in: tenant.id, now: now) }
        return part.id
    }

    private func join(_ session: BrowserSession, _ tenant: Tenant, _ origin: RequestOrigin) async throws -> UUID? {
        let now = clock.now
        let expiresAt = min(session.expiresAt, session.authenticatedAt + Int64(tenant.settings.sessionLifetimeSeconds))
        guard expiresAt > now else { return nil }
        return try await database.withTransaction(settings: .account(session.account, in: tenant.id)) { transaction in
            try await SessionStore.lockMembership(session.account, in: tenant.id, transaction)
            guard
                let id = try await SessionStore.join(
                    session, tenant.id, as: UUID(), origin, expiresAt: expiresAt, now: now, transaction)
            else { return nil }
            let event = AuditEvent(
                "session.created", by: .user(session.account), on: "session", Self.name(id), from: origin,
                [("methods", .array(session.methods.map(JSONValue.string)))]
            )
            _ = try await transaction.query(event.insertion(in: tenant.id))
            if tenant.settings.allowsOneSessionOnly { try await endOthers(than: id, session.account, tenant.id, origin, now, transaction) }
            return id
        }
    }

    private func endOthers(
        than id: UUID, _ account: AccountID, _ tenant: TenantID, _ origin: RequestOrigin, _ now: Int64, _ transaction: Transaction
    ) async throws {
        for other in try await SessionStore.others(than: id, of: account, in: tenant, now: now, transaction) {
            let event = AuditEvent(
                "session.ended", by: .user(account), on: "session", Self.name(other), from: origin,
                [("replaced_by", .string(Self.name(id)))]
            )
            _ = try await transaction.batch(
                Revocation.session(other, keepingOffline: true).statements(in: tenant, reason: "signed in elsewhere", now: now)
                    + [event.insertion(in: tenant)])
        }
    }

    /// Ends a tenant's session for good, with everything granted in it.
    /// - Returns: false where there is no such session, or it has ended already.
    func endTenantSession(_ sid: UUID, in tenant: TenantID, by actor: Actor, origin: RequestOrigin) async throws -> Bool {
        let now = clock.now
        return try await database.withRepeatedTransaction(settings: .tenant(tenant.rawValue)) { transaction in
            guard let account = try await SessionStore.lockPart(sid, in: tenant, transaction) else { return false }
            let event = AuditEvent(
                "session.ended", by: actor, on: "session", Self.name(sid), from: origin, [("user", .string(account.description))]
            )
            _ = try await transaction.batch(
                Revocation.session(sid, keepingOffline: false).statements(in: tenant, reason: "session ended", now: now)
                    + [event.insertion(in: tenant)])
            return true
        }
    }

    // MARK: - Lists

    /// What lives, the last seen first.
    ///
    /// - Parameter tenant: nil for the browsers themselves, as the account sees them.
    func all(of account: AccountID, in tenant: TenantID?) async throws -> [LivingSession] {
        let now = clock.now
        guard let tenant else {
            return try await store.living(of: account, now: now).filter { $0.lastSeenAt + Self.idleSeconds > now }
        }
        return try await store.living(of: account, in: tenant, now: now)
    }

    /// A session's id as logs have it, and the tokens of clients with public subjects.
    static func name(_ id: UUID) -> String { id.uuidString.lowercased() }
}
