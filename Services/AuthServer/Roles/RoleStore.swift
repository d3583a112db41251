import FoundationEssentials
import Postgres
import Tenancy

/// The roles of one tenant at a time.
struct RoleStore: Sendable {
    let database: Postgres

    private static let selection: SQL = "SELECT name, rank, permissions, is_built_in FROM auth.role"

    /// The highest first.
    func all(in tenant: TenantID) async throws -> [Role] {
        try await database.withTenant(tenant.rawValue).queryAll(
            "\(Self.selection) WHERE tenant_id = \(tenant.rawValue) ORDER BY rank DESC, name", Self.role)
    }

    func find(_ name: String, in tenant: TenantID) async throws -> Role? {
        try await Self.find(name, in: tenant, database.withTenant(tenant.rawValue))
    }

    static func find(_ name: String, in tenant: TenantID, _ executor: some SQLExecutor) async throws -> Role? {
        try await executor.queryOptional("\(selection) WHERE tenant_id = \(tenant.rawValue) AND name = \(name)", role)
    }

    /// As it is until the transaction ends: nobody changes it, or makes somebody its holder, meanwhile.
    static func lock(_ name: String, in tenant: TenantID, _ transaction: Transaction) async throws -> Role? {
        try await transaction.queryOptional("\(selection) WHERE tenant_id = \(tenant.rawValue) AND name = \(name) FOR UPDATE", role)
    }

    /// As it is until the transaction ends, for whoever makes somebody its holder.
    static func share(_ name: String, in tenant: TenantID, _ transaction: Transaction) async throws -> Role? {
        try await transaction.queryOptional("\(selection) WHERE tenant_id = \(tenant.rawValue) AND name = \(name) FOR SHARE", role)
    }

    static func insertion(_ role: Role, in tenant: TenantID) -> SQL {
        """
        INSERT INTO auth.role (tenant_id, name, rank, permissions, is_built_in)
        VALUES (\(tenant.rawValue), \(role.name), \(Int32(role.rank)), \(role.permissions), \(role.isBuiltIn))
        """
    }

    static func update(_ role: Role, in tenant: TenantID) -> SQL {
        """
        UPDATE auth.role SET rank = \(Int32(role.rank)), permissions = \(role.permissions)
         WHERE tenant_id = \(tenant.rawValue) AND name = \(role.name) AND NOT is_built_in
        """
    }

    static func deletion(_ name: String, in tenant: TenantID) -> SQL {
        "DELETE FROM auth.role WHERE tenant_id = \(tenant.rawValue) AND name = \(name) AND NOT is_built_in"
    }

    /// Who holds the role: members, clients that act for themselves, and invitations that are open.
    static func holders(
        of name: String, in tenant: TenantID, _ transaction: Transaction
    ) async throws -> (accounts: [UUID], clients: [String], invitations: Int) {
        let id = tenant.rawValue
        let accounts = try await transaction.queryAll(
            "SELECT account_id FROM auth.membership WHERE tenant_id = \(id) AND role_name = \(name)"
        ) { try $0.decode(UUID.self) }
        let clients = try await transaction.queryAll(
            "SELECT client_id FROM auth.client WHERE tenant_id = \(id) AND role_name = \(name)"
        ) { try $0.decode(String.self) }
        let invitations = try await transaction.queryOne(
            "SELECT count(*) FROM auth.invitation WHERE tenant_id = \(id) AND role_name = \(name)"
        ) { try $0.decode(Int64.self) }
        return (accounts, clients, Int(invitations))
    }

    private static func role(_ row: Row) throws -> Role {
        let (name, rank, permissions, isBuiltIn) = try row.decode(String.self, Int32.self, [String].self, Bool.self)
        return Role(name: name, rank: Int(rank), permissions: permissions, isBuiltIn: isBuiltIn)
    }
}
