import FoundationEssentials
import JOSE
import Postgres
import Tenancy

/// TEMPORARY
struct AccountStore: Sendable {
    let database: Postgres
    init(database: Postgres) { self.database = database }

    func find(_ id: AccountID) async throws -> Account? {
        try await database.with(.account(id)).queryOptional("\(Self.columns) WHERE id = \(id.rawValue)") { try Self.account($0.decode(UUID.self, String.self, String?.self, Bool.self, Date?.self)) }
    }

    static let columns: SQL = "SELECT id, email, password_hash, must_change_password, disabled_at FROM auth.account"

    static func account(_ row: (UUID, String, String?, Bool, Date?)) -> Account {
        Account(
            id: AccountID(row.0), email: row.1, isEmailVerified: false, profile: .init(), passwordHash: row.2, passwordChangedAt: nil,
            mustChangePassword: row.3, managingTenant: nil, isDisabled: row.4 != nil, createdAt: 0, updatedAt: 0)
    }

    func find(_ id: AccountID, in tenant: TenantID) async throws -> (Account, Membership)? {
        let scope = database.withTenant(tenant.rawValue)
        guard let account = try await scope.queryOptional("\(Self.columns) WHERE id = \(id.rawValue)", { try Self.account($0.decode(UUID.self, String.self, String?.self, Bool.self, Date?.self)) }) else { return nil }
        guard let m = try await membership(id, tenant) else { return nil }
        return (account, m)
    }

    private func membership(_ id: AccountID, _ tenant: TenantID) async throws -> Membership? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT r.name, r.rank, r.permissions, r.is_built_in, m.disabled_at FROM auth.membership m
            JOIN auth.role r ON r.tenant_id = m.tenant_id AND r.name = m.role_name
            WHERE m.tenant_id = \(tenant.rawValue) AND m.account_id = \(id.rawValue)
            """
        ) { row in
            let (name, rank, permissions, builtIn, disabled) = try row.decode(String.self, Int32.self, [String].self, Bool.self, Date?.self)
            return Membership(
                tenant: tenant, account: id, role: Role(name: name, rank: Int(rank), permissions: permissions, isBuiltIn: builtIn),
                isDisabled: disabled != nil, createdAt: 0)
        }
    }

    func find(email: String, in tenant: TenantID) async throws -> (Account, Membership)? {
        guard let a = try await find(email: email) else { return nil }
        return try await find(a.id, in: tenant)
    }

    func find(email: String) async throws -> Account? {
        guard let id = try await database.queryOptional("SELECT auth.account_of(\(email))", { try $0.decode(UUID?.self) }), let id else { return nil }
        return try await find(AccountID(id))
    }

    func memberships(of account: AccountID) async throws -> [(tenant: Tenant, membership: Membership)] {
        let ids = try await database.with(.account(account)).queryAll(
            """
            SELECT t.id, t.slug, t.name FROM auth.membership m JOIN auth.tenant t ON t.id = m.tenant_id
            WHERE m.account_id = \(account.rawValue) AND m.disabled_at IS NULL AND t.disabled_at IS NULL ORDER BY t.slug
            """
        ) { try $0.decode(UUID.self, String.self, String.self) }
        var found: [(tenant: Tenant, membership: Membership)] = []
        for (id, slug, name) in ids {
            guard let m = try await membership(account, TenantID(id)) else { continue }
            found.append((Tenant(id: TenantID(id), slug: try TenantSlug(slug), name: name, isDisabled: false, signingAlgorithm: .es256), m))
        }
        return found
    }
}
