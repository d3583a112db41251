import FoundationEssentials
import JSON
import Passwords
import ServiceKit
import Tenancy

/// Checks a password, for the page and for the password grant alike.
///
/// Whoever has no account, is no member, or is disabled, gets the answer of a wrong password, after the same work.
struct PasswordSignIn: Sendable {
    enum Outcome: Sendable {
        /// With the methods of RFC 8176; ``event(of:methods:origin:)`` is for the caller to write. The account, here and below, is the one whose password was right: what follows is bound to its
        /// ``Account/passwordMark``.
        case signedIn(Account, [String])
        case wrong
        /// Too many attempts; this one was not looked at.
        case blocked(retryAfterSeconds: Int)
        case mustChangePassword(Account)
        /// Comes before a change of password: look at the account for that afterwards.
        case secondFactorRequired(Account, isEnrolled: Bool)
        /// Too many passwords are being checked; this one was not.
        case busy
    }

    let accounts: AccountStore
    let factors: SecondFactors
    let throttle: SignInThrottle
    let hasher: PasswordHasher

    /// - Parameters:
    ///   - tenant: nil on the platform's own page.
    ///   - source: what the attempt counts against.
    func signIn(
        email: String, password: String, tenant: Tenant?, origin: RequestOrigin, from source: SignInSource
    ) async throws -> Outcome {
        guard EmailAddress.isAcceptable(email), password.utf8.count <= PasswordPolicy.maximumBytes else { return .wrong }
        // Before the database is asked for anything: whoever it is, the answer is the same.
        guard let intent = try? hasher.intent() else { return .busy }
        let attempt: SignInThrottle.Attempt
        switch try await throttle.begin(email: email, from: source) {
        case .blocked(let seconds): return .blocked(retryAfterSeconds: seconds)
        case .allowed(let counted): attempt = counted
        }
        do {
            // Only now: attempts that are not looked at take no place.
            let place = try withExtendedLifetime(intent) { try hasher.place() }
            defer { withExtendedLifetime(place) {} }
            let account = try await find(email, tenant)
            guard let account, let verified = try await verified(password, account) else {
                if account == nil { try await hasher.verifyAgainstNothing(password) }
                try await recordFailure(account, tenant, origin, attempt)
                return .wrong
            }
            try await throttle.succeed(attempt)
            return try await outcome(verified, tenant)
        } catch is PasswordHasher.Busy {
            try await throttle.withdraw(attempt)
            return .busy
        }
    }

    /// `user.signed_in`, for the transaction that begins what was signed in for: a right password alone is no sign-in yet.
    static func event(of account: AccountID, methods: [String], origin: RequestOrigin) -> AuditEvent {
        AuditEvent(
            "user.signed_in", by: .user(account), on: "user", account.description, from: origin,
            [("methods", .array(methods.map(JSONValue.string)))]
        )
    }

    /// Writes `user.sign_in_failed` into the tenant's log, where the password was right and nothing began.
    func recordRefusal(of account: AccountID, _ reason: String, tenant: Tenant, origin: RequestOrigin) async throws {
        let event = AuditEvent(
            "user.sign_in_failed", by: .anonymous, on: "user", account.description, from: origin, [("reason", .string(reason))]
        )
        try await accounts.record(event, in: tenant.id)
    }

    /// The account, if it may sign in here.
    private func find(_ email: String, _ tenant: Tenant?) async throws -> Account? {
        guard let tenant else {
            let account = try await accounts.find(email: email)
            return account?.isDisabled == false ? account : nil
        }
        let member = try await accounts.find(email: email, in: tenant.id)
        return member?.isDisabled == false ? member?.account : nil
    }

    /// - Returns: the account with the hash that the password was right for; nil for a wrong password.
    private func verified(_ password: String, _ account: Account) async throws -> Account? {
        guard let stored = account.passwordHash, let hash = try? PasswordHash(stored) else {
            try await hasher.verifyAgainstNothing(password)
            return nil
        }
        switch try await hasher.verify(password, against: hash) {
        case .wrong: return nil
        case .right: return account
        case .rightNeedsUpgrade(let upgraded):
            guard try await accounts.upgradePasswordHash(from: stored, to: upgraded.text, of: account.id) else {
                return try await verifiedAgain(password, account.id)
            }
            var account = account
            account.passwordHash = upgraded.text
            return account
        }
    }

    /// For a hash that was replaced while it was being checked: by an upgrade of the same password, or by another password.
    private func verifiedAgain(_ password: String, _ id: AccountID) async throws -> Account? {
        guard let account = try await accounts.find(id), !account.isDisabled, let stored = account.passwordHash,
            let hash = try? PasswordHash(stored), try await hasher.verify(password, against: hash) != .wrong
        else { return nil }
        return account
    }

    private func outcome(_ account: Account, _ tenant: Tenant?) async throws -> Outcome {
        let isEnrolled = try await factors.isEnrolled(account.id)
        if isEnrolled || tenant?.settings.requiresSecondFactor == true { return .secondFactorRequired(account, isEnrolled: isEnrolled) }
        if account.mustChangePassword { return .mustChangePassword(account) }
        return .signedIn(account, ["pwd"])
    }

    /// What was typed as an address may be a password, so an unknown one is not written down.
    private func recordFailure(
        _ account: Account?, _ tenant: Tenant?, _ origin: RequestOrigin, _ attempt: SignInThrottle.Attempt
    ) async throws {
        guard let tenant else { return }
        let event = AuditEvent(
            "user.sign_in_failed", by: .anonymous, on: "user", account?.id.description ?? "", from: origin,
            attempt.delaySeconds > 0 ? [("blocked_seconds", .integer(Int64(attempt.delaySeconds)))] : []
        )
        try await accounts.record(event, in: tenant.id)
    }
}
