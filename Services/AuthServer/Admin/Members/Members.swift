import FoundationEssentials
import JSON
import Postgres
import ServiceKit
import Tenancy

/// What a tenant's administrators do with its people. Each change is one transaction with its audit event and its revocations, checked
/// against the rank of who asks on rows that nobody else can change meanwhile.
struct Members: Sendable {
    let database: Postgres
    let clock: WallClock

    var store: AccountStore { AccountStore(database: database) }

    /// - Parameter account: managed by the tenant from then on.
    /// - Throws: ``Problem/Kind/emailTaken``, whatever tenant the other account is in; ``Problem/Kind/malformed`` for what is no address.
    func create(_ account: Account, role name: String, in tenant: TenantID, by administrator: Administrator) async throws {
        try EmailAddress.require(account.email)
        try await database.administer(tenant, as: account.id) { transaction in
            let role = try await Self.requireRole(name, in: tenant, transaction)
            try administrator.require(role)
            var account = account
            account.managingTenant = tenant
            _ = try await transaction.batch([
                AccountRow.insertion(account), AccountRow.membershipInsertion(account.id, in: tenant, role: name),
                administrator.event(
                    "user.created", on: "user", account.id.description, [("email", .string(account.email)), ("role", .string(name))]
                ).insertion(in: tenant),
            ])
        }
    }

    /// Makes an account a member that exists already; from its second tenant on it is nobody's to change but its owner's.
    /// - Throws: ``Problem/Kind/conflict`` for a member.
    func join(_ id: AccountID, role name: String, in tenant: TenantID, by administrator: Administrator) async throws {
        try await database.administer(tenant) { transaction in
            try administrator.require(try await Self.requireRole(name, in: tenant, transaction))
            let event = administrator.event("membership.created", on: "user", id.description, [("role", .string(name))])
            _ = try await transaction.batch([
                AccountRow.membershipInsertion(id, in: tenant, role: name), event.insertion(in: tenant),
            ])
        }
    }

    /// - Parameter change: throws to refuse, such as for `If-Match`.
    func update(
        _ id: AccountID, in tenant: TenantID, by administrator: Administrator, change: (Member, inout Account) throws -> Void
    ) async throws {
        try await changing(id, in: tenant, by: administrator) { transaction, member in
            var account = member.account
            try change(member, &account)
            guard account != member.account else { return }
            if !account.email.isIdenticalBytes(member.account.email) { try EmailAddress.require(account.email) }
            let changed = [
                ("email", account.email != member.account.email),
                ("email_verified", account.isEmailVerified != member.account.isEmailVerified),
                ("profile", account.profile != member.account.profile),
            ].filter(\.1).map { JSONValue.string($0.0) }
            let event = administrator.event("user.changed", on: "user", id.description, [("changed", .array(changed))])
            try await Self.requireManaged(
                transaction.batch([AccountRow.update(account, managedBy: tenant), event.insertion(in: tenant)]).first)
        }
    }

    /// Every session of the person, and every grant and token in the tenant, ends with the old password.
    func setPassword(
        _ hash: String, mustChange: Bool, of id: AccountID, in tenant: TenantID, by administrator: Administrator,
        check: (Member) throws -> Void = { _ in }
    ) async throws {
        try await changing(id, in: tenant, as: id, by: administrator) { transaction, member in
            try check(member)
            let now = clock.now
            let event = administrator.event("user.password_changed", on: "user", id.description, [("must_change", .bool(mustChange))])
            let results = try await transaction.batch(
                [
                    AccountRow.password(hash, mustChange: mustChange, of: id, managedBy: tenant, now: now),
                    SessionStore.endAll(of: id, now: now),
                ]
                    + Revocation.user(id).statements(in: tenant, reason: "password changed by an administrator", now: now)
                    + [event.insertion(in: tenant)]
            )
            try Self.requireManaged(results.first)
        }
    }

    /// In this tenant: what the person is elsewhere is theirs.
    func setDisabled(
        _ isDisabled: Bool, _ id: AccountID, in tenant: TenantID, by administrator: Administrator,
        check: (Member) throws -> Void = { _ in }
    ) async throws {
        try await changing(id, in: tenant, by: administrator) { transaction, member in
            try check(member)
            guard member.membership.isDisabled != isDisabled else { return }
            let event = administrator.event(isDisabled ? "user.disabled" : "user.enabled", on: "user", id.description)
            let revocations = isDisabled ? Revocation.user(id).statements(in: tenant, reason: "user disabled", now: clock.now) : []
            _ = try await transaction.batch(
                [AccountStore.setDisabled(isDisabled, id, in: tenant)] + revocations + [event.insertion(in: tenant)])
        }
    }

    func setRole(
        _ name: String, of id: AccountID, in tenant: TenantID, by administrator: Administrator, check: (Member) throws -> Void = { _ in }
    ) async throws {
        try await changing(id, in: tenant, by: administrator) { transaction, member in
            try check(member)
            guard member.role.name != name else { return }
            let role = try await Self.requireRole(name, in: tenant, transaction)
            try administrator.require(role)
            let event = administrator.event(
                "membership.changed", on: "user", id.description, [("from", .string(member.role.name)), ("to", .string(name))])
            _ = try await transaction.batch(
                [AccountStore.setRole(name, of: id, in: tenant)]
                    + Revocation.user(id).statements(in: tenant, reason: "role changed", now: clock.now) + [event.insertion(in: tenant)])
        }
    }

    /// Ends the membership; an account that the tenant manages ends with it.
    func remove(
        _ id: AccountID, from tenant: TenantID, by administrator: Administrator, check: (Member) throws -> Void = { _ in }
    ) async throws {
        try await changing(id, in: tenant, as: id, by: administrator) { transaction, member in
            try check(member)
            let event = administrator.event("membership.removed", on: "user", id.description, [("role", .string(member.role.name))])
            _ = try await transaction.batch(
                Revocation.user(id).statements(in: tenant, reason: "membership removed", now: clock.now)
                    + AccountStore.removals(id, from: tenant) + [event.insertion(in: tenant)])
        }
    }

    private func changing(
        _ id: AccountID, in tenant: TenantID, as account: AccountID? = nil, by administrator: Administrator,
        _ body: (Transaction, Member) async throws -> Void
    ) async throws {
        try await database.administer(tenant, as: account) { transaction in
            guard let member = try await AccountStore.lock(id, in: tenant, transaction) else {
                throw Problem.notFound("user", id.description)
            }
            try administrator.require(member.role)
            try await body(transaction, member)
        }
    }

    private static func requireRole(_ name: String, in tenant: TenantID, _ transaction: Transaction) async throws -> Role {
        guard let role = try await RoleStore.share(name, in: tenant, transaction) else {
            throw Problem(.malformed, "there is no role ‘\(name.prefix(63))’", pointer: "/role")
        }
        return role
    }

    private static func requireManaged(_ result: QueryResult?) throws {
        guard result?.affectedRows == 1 else {
            throw Problem(
                .accountNotManaged, "the account belongs to the person, who is a member of other tenants too: only they may change it")
        }
    }
}

extension EmailAddress {
    static func require(_ text: String) throws(Problem) {
        guard isAcceptable(text) else {
            throw Problem(.malformed, "this is no e-mail address, or has capital letters beyond A–Z", pointer: "/email")
        }
    }
}
