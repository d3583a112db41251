import JSON
import Passwords
import Postgres
import ServiceKit
import Tenancy

/// Chooses passwords: policy, hash, and everything that ends with the old one. Pages, invitations and the command line share it.
struct NewPassword: Sendable {
    enum Outcome: Sendable, Equatable {
        /// With the mark of the new one.
        case changed(PasswordMark)
        case weak(PasswordWeakness)
        case sameAsBefore
        /// The account is gone, or has another password by now.
        case noSuchAccount
    }

    let accounts: AccountStore
    let hasher: PasswordHasher
    let breached: BreachedPasswords?
    let clock: WallClock

    /// What the strictest of the tenants asks for.
    static func minimumLength(in tenants: [Tenant]) -> Int {
        tenants.map(\.settings.passwordMinimumLength).max() ?? PasswordPolicy.defaultMinimum
    }

    /// - Parameter tenants: those whose rules and names count.
    /// - Throws: `PasswordHasher.Busy`.
    func weakness(of password: String, email: String, tenants: [Tenant]) async throws -> PasswordWeakness? {
        let policy = try PasswordPolicy(minimumLength: Self.minimumLength(in: tenants), breached: breached)
        let names = tenants.flatMap { [$0.slug.rawValue, $0.name] }
        return try await policy.weakness(of: password, in: PasswordPolicy.Context(email: email, tenantNames: names))
    }

    /// - Throws: `PasswordHasher.Busy`.
    func hash(_ password: String) async throws -> PasswordHash {
        try await hasher.hash(password)
    }

    /// The person's own change of the password that `account` was read with. Every session, grant and token of theirs ends, in every tenant; the browser at hand begins a new session.
    ///
    /// - Throws: `PasswordHasher.Busy`.
    func change(_ password: String, of account: Account, origin: RequestOrigin) async throws -> Outcome {
        let memberships = try await accounts.memberships(of: account.id)
        if let weakness = try await weakness(of: password, email: account.email, tenants: memberships.map(\.tenant)) {
            return .weak(weakness)
        }
        if let old = account.passwordHash, let hash = try? PasswordHash(old), try await hasher.verify(password, against: hash) != .wrong {
            return .sameAsBefore
        }
        let hash = try await hash(password).text
        return try await store(hash, account, origin) ? .changed(PasswordMark(of: hash)) : .noSuchAccount
    }

    private func store(_ hash: String, _ account: Account, _ origin: RequestOrigin) async throws -> Bool {
        let (id, now) = (account.id, clock.now)
        return try await accounts.database.withRepeatedTransaction(settings: .account(id)) { transaction in
            let update = AccountRow.password(hash, mustChange: false, of: id, replacing: account.passwordMark, now: now)
            guard try await transaction.query(update).affectedRows == 1 else { return false }
            _ = try await transaction.query(SessionStore.endAll(of: id, now: now))
            for tenant in try await SessionStore.tenants(of: id, transaction) {
                let event = AuditEvent("user.password_changed", by: .user(id), on: "user", id.description, from: origin)
                _ = try await transaction.batch(
                    [SessionStore.enter(tenant)]
                        + Revocation.user(id).statements(in: tenant, reason: "password changed", now: now)
                        + [event.insertion(in: tenant)])
            }
            return true
        }
    }
}
