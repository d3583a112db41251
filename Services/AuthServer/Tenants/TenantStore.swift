import FoundationEssentials
import JOSE
import Postgres
import Tenancy

/// The registry of tenants, and the roles each begins with.
struct TenantStore: Sendable {
    let database: Postgres

    func find(_ name: TenantHints.Name) async throws -> Tenant? {
        switch name {
        case .slug(let slug):
            return try await database.queryOptional(
                "SELECT id, slug, name, signing_algorithm, disabled_at IS NOT NULL FROM auth.tenant WHERE slug = \(slug.rawValue)",
                Self.tenant
            )
        case .id(let id):
            return try await database.queryOptional(
                "SELECT id, slug, name, signing_algorithm, disabled_at IS NOT NULL FROM auth.tenant WHERE id = \(id.rawValue)",
                Self.tenant
            )
        }
    }

    func all() async throws -> [Tenant] {
        try await database.queryAll(
            "SELECT id, slug, name, signing_algorithm, disabled_at IS NOT NULL FROM auth.tenant ORDER BY slug", Self.tenant
        )
    }

    /// Creates the tenant with its built-in roles and its first keys: all of it or nothing.
    func insert(_ tenant: Tenant, roles: [Role], keys: [SealedSigningKey]) async throws {
        var statements: [SQL] = [
            """
            INSERT INTO auth.tenant (id, slug, name, signing_algorithm)
            VALUES (\(tenant.id.rawValue), \(tenant.slug.rawValue), \(tenant.name), \(tenant.signingAlgorithm.rawValue))
            """
        ]
        statements += roles.map { role in
            """
            INSERT INTO auth.role (tenant_id, name, rank, permissions, is_built_in)
            VALUES (\(tenant.id.rawValue), \(role.name), \(role.rank), \(role.permissions), \(role.isBuiltIn))
            """
        }
        statements += keys.map { $0.insertion(tenant: tenant.id) }
        _ = try await database.batch(statements, settings: .tenant(tenant.id.rawValue))
    }

    /// - Returns: whether the tenant exists.
    func setDisabled(_ slug: TenantSlug, _ isDisabled: Bool) async throws -> Bool {
        let result = try await database.query(
            """
            UPDATE auth.tenant
               SET disabled_at = CASE WHEN \(isDisabled)::boolean THEN coalesce(disabled_at, now()) END
             WHERE slug = \(slug.rawValue)
            """
        )
        return result.affectedRows == 1
    }

    private static func tenant(_ row: Row) throws -> Tenant {
        let (id, slug, name, algorithm, isDisabled) = try row.decode(UUID.self, String.self, String.self, String.self, Bool.self)
        guard let algorithm = JWSAlgorithm(rawValue: algorithm) else {
            throw StoredDataError("auth.tenant \(slug): unknown signing_algorithm \(algorithm)")
        }
        return Tenant(
            id: TenantID(id), slug: try TenantSlug(slug), name: name, isDisabled: isDisabled, signingAlgorithm: algorithm
        )
    }
}

/// A row that this version of the program cannot understand; names the row.
struct StoredDataError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
