import Cryptography
import JOSE
import JSON
import Passwords
import ServiceKit
import Tenancy

/// Brings the demo's people into being where they are missing, and sees to it that their passwords are known.
struct DemoUsers {
    let administration: Administration
    let hasher: PasswordHasher
    /// By address: from an earlier run, then what fits.
    private var knownPasswords: [String: String]
    /// Those whose password has been looked at.
    private var settled: Set<String> = []

    init(administration: Administration, hasher: PasswordHasher, knownPasswords: [String: String]) {
        self.administration = administration
        self.hasher = hasher
        self.knownPasswords = knownPasswords
    }

    mutating func user(_ plan: DemoPlan.DemoUser, in tenant: TenantID, slug: String) async throws -> DemoFile.User {
        let email = plan.email(slug)
        if let account = try await administration.accounts.find(email: email) {
            if try await administration.accounts.find(account.id, in: tenant) == nil {
                try await administration.members.join(account.id, role: plan.role, in: tenant, by: .operator)
            }
            try await settle(account)
        } else {
            try await create(plan, email, tenant)
        }
        return DemoFile.User(label: plan.label, username: email, password: knownPasswords[email] ?? "")
    }

    private mutating func create(_ plan: DemoPlan.DemoUser, _ email: String, _ tenant: TenantID) async throws {
        let password = Self.randomPassword()
        let account = Account.new(
            email: email, isEmailVerified: true, name: plan.name, passwordHash: try await hasher.hash(password).text,
            managedBy: plan.isShared ? nil : tenant, now: WallClock.system.now
        )
        let event = Administrator.operator.event(
            "user.created", on: "user", account.id.description, [("email", .string(email)), ("role", .string(plan.role))])
        try await administration.accounts.insert(account, memberOf: (tenant, plan.role), audit: event)
        knownPasswords[email] = password
        settled.insert(email)
    }

    /// Keeps the password that the file knows where the database still agrees; else sets a new one.
    private mutating func settle(_ account: Account) async throws {
        guard settled.insert(account.email).inserted else { return }
        if let known = knownPasswords[account.email], let stored = account.passwordHash, let hash = try? PasswordHash(stored),
            try await hasher.verify(known, against: hash) != .wrong
        {
            return
        }
        let password = Self.randomPassword()
        let hash = try await hasher.hash(password).text
        _ = try await administration.accounts.setPassword(hash, of: account.id, mustChange: false, in: nil, also: [])
        knownPasswords[account.email] = password
    }

    /// 144 random bits.
    private static func randomPassword() -> String {
        Base64URL.encode(SecureRandom.bytes(18))
    }
}
