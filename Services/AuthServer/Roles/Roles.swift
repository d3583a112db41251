import FoundationEssentials
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// A tenant's own roles, made and changed by people, programs and commands alike.
struct Roles: Sendable {
    let database: Postgres
    let clock: WallClock

    var store: RoleStore { RoleStore(database: database) }

    /// - Throws: ``Problem`` for a name that is taken or reserved, a rank of 100 or more, permissions that are no scopes.
    func create(_ role: Role, in tenant: TenantID, by administrator: Administrator) async throws {
        try await database.administer(tenant) { transaction in
            try await Self.create(role, in: tenant, by: administrator, transaction)
        }
    }

    static func create(_ role: Role, in tenant: TenantID, by administrator: Administrator, _ transaction: Transaction) async throws {
        try role.checkAsOwn()
        try administrator.require(role)
        _ = try await transaction.batch([
            RoleStore.insertion(role, in: tenant),
            administrator.event("role.created", on: "role", role.name, role.auditDetails).insertion(in: tenant),
        ])
    }

    /// Changes rank or permissions. Whoever holds the role signs in anew: their tokens say what the role used to.
    ///
    /// - Parameter check: sees the role as it is before, for `If-Match`.
    /// - Returns: the role as it is now.
    func update(
        _ name: String, rank: Int?, permissions: [String]?, in tenant: TenantID, by administrator: Administrator,
        check: (Role) throws -> Void = { _ in }
    ) async throws -> Role {
        try await database.administer(tenant) { transaction in
            try await Self.update(
                name, rank: rank, permissions: permissions, in: tenant, by: administrator, now: clock.now, transaction, check: check)
        }
    }

    static func update(
        _ name: String, rank: Int?, permissions: [String]?, in tenant: TenantID, by administrator: Administrator, now: Int64,
        _ transaction: Transaction, check: (Role) throws -> Void = { _ in }
    ) async throws -> Role {
        guard let role = try await RoleStore.lock(name, in: tenant, transaction) else { throw Problem.notFound("role", name) }
        try check(role)
        try role.checkIsOwn()
        let changed = Role(name: name, rank: rank ?? role.rank, permissions: permissions ?? role.permissions, isBuiltIn: false)
        try changed.checkAsOwn()
        try administrator.require(role)
        try administrator.require(changed)
        guard changed != role else { return role }
        let holders = try await RoleStore.holders(of: name, in: tenant, transaction)
        let revocations =
            holders.accounts.map { Revocation.user(AccountID($0)) } + holders.clients.compactMap { ClientID($0).map(Revocation.client) }
        var statements = revocations.flatMap { $0.statements(in: tenant, reason: "the role \(name) changed", now: now) }
        statements.append(RoleStore.update(changed, in: tenant))
        statements.append(administrator.event("role.changed", on: "role", name, changed.auditDetails).insertion(in: tenant))
        _ = try await transaction.batch(statements)
        return changed
    }

    /// - Throws: ``Problem`` where somebody holds the role, or is invited to.
    func remove(
        _ name: String, in tenant: TenantID, by administrator: Administrator, check: (Role) throws -> Void = { _ in }
    ) async throws {
        try await database.administer(tenant) { transaction in
            try await Self.remove(name, in: tenant, by: administrator, transaction, check: check)
        }
    }

    static func remove(
        _ name: String, in tenant: TenantID, by administrator: Administrator, _ transaction: Transaction,
        check: (Role) throws -> Void = { _ in }
    ) async throws {
        guard let role = try await RoleStore.lock(name, in: tenant, transaction) else { throw Problem.notFound("role", name) }
        try check(role)
        try role.checkIsOwn()
        try administrator.require(role)
        let holders = try await RoleStore.holders(of: name, in: tenant, transaction)
        guard holders.accounts.isEmpty, holders.clients.isEmpty, holders.invitations == 0 else {
            throw Problem(
                .roleInUse,
                "the role ‘\(name)’ is held by \(holders.accounts.count) members, \(holders.clients.count) clients and "
                    + "\(holders.invitations) invitations"
            )
        }
        _ = try await transaction.batch([
            RoleStore.deletion(name, in: tenant),
            administrator.event("role.removed", on: "role", name).insertion(in: tenant),
        ])
    }
}

extension Role {
    static let namePattern = "^[a-z][a-z0-9_-]{0,62}$"

    /// - Throws: ``Problem`` unless this can be a tenant's own role.
    func checkAsOwn() throws(Problem) {
        let bytes = name.utf8
        let isName =
            (1...63).contains(bytes.count) && bytes.first.map { (0x61...0x7a).contains($0) } == true
            && bytes.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }
        guard isName else {
            throw Problem(.malformed, "a role's name has 1 to 63 of a-z, 0-9, _ and -, a letter first", pointer: "/name")
        }
        guard !Role.builtIn.contains(where: { $0.name == name }) else {
            throw Problem(.builtInRole, "‘\(name)’ is built in", pointer: "/name")
        }
        guard (0...99).contains(rank) else { throw Problem(.malformed, "a rank is 0 to 99: the owner's is 100", pointer: "/rank") }
        for (index, permission) in permissions.enumerated() {
            guard let scope = try? Scope(permission), scope.rawValue.utf8.contains(UInt8(ascii: ":")) else {
                throw Problem(.malformed, "a permission is a scope such as orders:read or *:read", pointer: "/permissions/\(index)")
            }
        }
    }

    func checkIsOwn() throws(Problem) {
        guard !isBuiltIn else { throw Problem(.builtInRole, "the role ‘\(name)’ is built in and stays as it is") }
    }

    fileprivate var auditDetails: [(name: String, value: JSONValue)] {
        [("rank", .integer(Int64(rank))), ("permissions", .array(permissions.map(JSONValue.string)))]
    }
}

extension Postgres {
    /// An interactive transaction of the tenant, in which the database's own refusals become ``Problem``s.
    nonisolated(nonsending) func administer<R>(
        _ tenant: TenantID, as account: AccountID? = nil, _ body: (Transaction) async throws -> R
    ) async throws -> R {
        let settings: TransactionSettings = account.map { .account($0, in: tenant) } ?? .tenant(tenant.rawValue)
        do {
            return try await withTransaction(settings: settings, body)
        } catch let error as PostgresError {
            throw Problem(error) ?? error
        }
    }
}
