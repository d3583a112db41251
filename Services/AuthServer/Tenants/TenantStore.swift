import FoundationEssentials
import JOSE
import Postgres
import Tenancy

/// The registry of tenants, and the roles each begins with.
struct TenantStore: Sendable {
    let database: Postgres

    private static let selection: SQL = """
        SELECT id, slug, name, signing_algorithm, disabled_at IS NOT NULL, color, logo_uri, requires_second_factor, allows_one_session_only,
               session_lifetime_seconds, session_idle_seconds, password_minimum_length, key_rotation_days
          FROM auth.tenant
        """

    func find(_ name: TenantHints.Name) async throws -> Tenant? {
        switch name {
        case .slug(let slug):
            return try await database.queryOptional(
                "\(Self.selection) WHERE slug = \(slug.rawValue)",
                Self.tenant
            )
        case .id(let id):
            return try await database.queryOptional(
                "\(Self.selection) WHERE id = \(id.rawValue)",
                Self.tenant
            )
        }
    }

    func all() async throws -> [Tenant] {
        try await database.queryAll(
            "\(Self.selection) ORDER BY slug", Self.tenant
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
        let (
            id, slug, name, algorithm, isDisabled, color, logoURI, requiresSecondFactor, allowsOneSessionOnly, sessionLifetime, sessionIdle,
            passwordLength, rotationDays
        ) = try row.decode(
            UUID.self, String.self, String.self, String.self, Bool.self, String?.self, String?.self, Bool.self, Bool.self, Int32.self,
            Int32.self, Int32.self, Int32?.self
        )
        guard let algorithm = JWSAlgorithm(rawValue: algorithm) else {
            throw StoredDataError("auth.tenant \(slug): unknown signing_algorithm \(algorithm)")
        }
        var settings = TenantSettings()
        settings.color = color
        settings.logoURI = logoURI
        settings.requiresSecondFactor = requiresSecondFactor
        settings.allowsOneSessionOnly = allowsOneSessionOnly
        settings.sessionLifetimeSeconds = Int(sessionLifetime)
        settings.sessionIdleSeconds = Int(sessionIdle)
        settings.passwordMinimumLength = Int(passwordLength)
        settings.keyRotationDays = rotationDays.map(Int.init)
        return Tenant(
            id: TenantID(id), slug: try TenantSlug(slug), name: name, isDisabled: isDisabled, signingAlgorithm: algorithm,
            settings: settings
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
