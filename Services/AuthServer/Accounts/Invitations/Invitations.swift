import FoundationEssentials
import JSON
import OAuth
import Passwords
import Postgres
import ServiceKit
import Tenancy

/// An invitation that stands.
struct Invitation: Sendable, Hashable {
    let id: UUID
    let tenant: TenantID
    let email: String
    let role: String
    /// An account's id or a `client_id`; empty for the command line.
    let invitedBy: String
    /// Seconds since 1970.
    let createdAt: Int64
    let expiresAt: Int64

    /// The id as the API and the log have it.
    var name: String { id.uuidString.lowercased() }
}

/// What an invited person does with an invitation. Its token passes through an administrator's hands, so it proves no address.
struct Invitations: Sendable {
    enum Outcome: Sendable {
        case accepted(AccountID)
        /// Unknown, expired, withdrawn, or accepted before.
        case gone
        case weak(PasswordWeakness)
        /// The address has an account: its owner signs in and accepts as that.
        case accountExists
        /// It was sent to another address than the signed-in account's.
        case otherAccount
        case alreadyMember
    }

    let store: InvitationStore
    let passwords: NewPassword
    let clock: WallClock

    init(database: Postgres, passwords: NewPassword, clock: WallClock) {
        store = InvitationStore(database: database)
        self.passwords = passwords
        self.clock = clock
    }

    /// - Parameter token: as it came.
    func find(_ token: String, in tenant: TenantID) async throws -> Invitation? {
        guard let secret = OpaqueSecret(parsing: token, as: .invitation) else { return nil }
        return try await store.find(secret, in: tenant, now: clock.now)
    }

    /// Whether the invited address has an account already, which then is to sign in.
    func isForExistingAccount(_ invitation: Invitation) async throws -> Bool {
        try await !passwords.accounts.taken([invitation.email]).isEmpty
    }

    /// Makes an account with the invited address, which the tenant manages.
    ///
    /// - Throws: `PasswordHasher.Busy`.
    func accept(_ token: String, name: String?, password: String, in tenant: Tenant, origin: RequestOrigin) async throws -> Outcome {
        guard let secret = OpaqueSecret(parsing: token, as: .invitation),
            let invitation = try await store.find(secret, in: tenant.id, now: clock.now)
        else { return .gone }
        if try await isForExistingAccount(invitation) { return .accountExists }
        if let weakness = try await passwords.weakness(of: password, email: invitation.email, tenants: [tenant]) { return .weak(weakness) }
        let account = Account.new(
            email: invitation.email, isEmailVerified: false, name: name, passwordHash: try await passwords.hash(password).text,
            managedBy: tenant.id, now: clock.now
        )
        do {
            return try await accept(secret, by: account.id, in: tenant.id, origin) { [AccountRow.insertion(account)] }
        } catch is EmailTaken {
            return .accountExists
        }
    }

    /// For an account that has signed in.
    func accept(_ token: String, as account: Account, in tenant: Tenant, origin: RequestOrigin) async throws -> Outcome {
        guard let secret = OpaqueSecret(parsing: token, as: .invitation),
            let invitation = try await store.find(secret, in: tenant.id, now: clock.now)
        else { return .gone }
        guard EmailAddress.areSame(invitation.email, account.email) else { return .otherAccount }
        do {
            return try await accept(secret, by: account.id, in: tenant.id, origin) { [] }
        } catch is AlreadyMember {
            return .alreadyMember
        }
    }

    private func accept(
        _ secret: OpaqueSecret, by account: AccountID, in tenant: TenantID, _ origin: RequestOrigin, first: () -> [SQL]
    ) async throws -> Outcome {
        let accepted = try await store.accept(secret, by: account, in: tenant, now: clock.now, first: first()) { invitation in
            [
                AuditEvent(
                    "invitation.accepted", by: .user(account), on: "invitation", invitation.name, from: origin,
                    [("user", .string(account.description))]
                ),
                AuditEvent(
                    "membership.created", by: .user(account), on: "user", account.description, from: origin,
                    [("role", .string(invitation.role))]
                ),
            ]
        }
        return accepted ? .accepted(account) : .gone
    }
}

extension Account {
    /// An account that is about to be.
    static func new(
        email: String, isEmailVerified: Bool, name: String?, passwordHash: String?, mustChangePassword: Bool = false,
        managedBy tenant: TenantID?, now: Int64
    ) -> Account {
        Account(
            id: AccountID(UUID()), email: email, isEmailVerified: isEmailVerified, profile: Profile(name: name), passwordHash: passwordHash,
            passwordChangedAt: passwordHash == nil ? nil : now, mustChangePassword: mustChangePassword, managingTenant: tenant,
            isDisabled: false, createdAt: now, updatedAt: now
        )
    }
}
