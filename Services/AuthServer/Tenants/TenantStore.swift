import FoundationEssentials
import JOSE
import Postgres
import Tenancy

/// The registry of tenants, and the roles each begins with.
struct TenantStore: Sendable {
    let database: Postgres

    private static let selection: SQL = """
        SELECT id, slug, name, signing_algorithm, disabled_at IS NOT NULL, color, logo_uri, requires_second_factor, allows_one_session_only,
               session_lifetime_seconds, session_idle_seconds, password_minimum_length, key_rotation_days, publishes_token_status
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

    static func find(_ slug: TenantSlug, _ executor: some SQLExecutor) async throws -> Tenant? {
        try await executor.queryOptional("\(selection) WHERE slug = \(slug.rawValue)", tenant)
    }

    /// As it is until the transaction ends.
    static func lock(_ id: TenantID, _ transaction: Transaction) async throws -> Tenant? {
        try await transaction.queryOptional("\(selection) WHERE id = \(id.rawValue) FOR NO KEY UPDATE", tenant)
    }

    /// By slug, those after `after`.
    func page(after: String?, limit: Int) async throws -> [Tenant] {
        try await database.queryAll(
            """
            \(Self.selection)
             WHERE \(after) IS NULL OR slug COLLATE "C" > \(after)
             ORDER BY slug COLLATE "C"
             LIMIT \(limit)
            """,
            Self.tenant
        )
    }

    /// The tenant with its settings, its built-in roles and its first keys, to be run inside it.
    static func insertions(_ tenant: Tenant, roles: [Role], keys: [SealedSigningKey]) -> [SQL] {
        [
            """
            INSERT INTO auth.tenant (id, slug, name, signing_algorithm)
            VALUES (\(tenant.id.rawValue), \(tenant.slug.rawValue), \(tenant.name), \(tenant.signingAlgorithm.rawValue))
            """,
            update(tenant),
        ] + roles.map { RoleStore.insertion($0, in: tenant.id) } + keys.map { $0.insertion(tenant: tenant.id) }
    }

    /// Name and settings; the signing algorithm changes with the keys.
    static func update(_ tenant: Tenant) -> SQL {
        let settings = tenant.settings
        return """
            UPDATE auth.tenant
               SET name = \(tenant.name), color = \(settings.color), logo_uri = \(settings.logoURI),
                   requires_second_factor = \(settings.requiresSecondFactor), allows_one_session_only = \(settings.allowsOneSessionOnly),
                   session_lifetime_seconds = \(settings.sessionLifetimeSeconds), session_idle_seconds = \(settings.sessionIdleSeconds),
                   password_minimum_length = \(settings.passwordMinimumLength), key_rotation_days = \(settings.keyRotationDays),
                   publishes_token_status = \(settings.publishesTokenStatus)
             WHERE id = \(tenant.id.rawValue)
            """
    }

    static func setDisabled(_ tenant: TenantID, _ isDisabled: Bool) -> SQL {
        """
        UPDATE auth.tenant
           SET disabled_at = CASE WHEN \(isDisabled)::boolean THEN coalesce(disabled_at, now()) END
         WHERE id = \(tenant.rawValue)
        """
    }

    /// Creates the tenant: all of it or nothing.
    func insert(_ tenant: Tenant, roles: [Role], keys: [SealedSigningKey]) async throws {
        _ = try await database.batch(Self.insertions(tenant, roles: roles, keys: keys), settings: .tenant(tenant.id.rawValue))
    }

    /// - Returns: whether the tenant exists.
    func setDisabled(_ slug: TenantSlug, _ isDisabled: Bool) async throws -> Bool {
        guard let tenant = try await find(.slug(slug)) else { return false }
        return try await database.query(Self.setDisabled(tenant.id, isDisabled)).affectedRows == 1
    }

    /// Whether no access token from before it was disabled can still be valid.
    func isDisabledForLong(_ tenant: TenantID) async throws -> Bool {
        try await database.queryOne(
            "SELECT disabled_at < now() - interval '87000 seconds' FROM auth.tenant WHERE id = \(tenant.rawValue)", as: Bool.self)
    }

    /// Further statements of the transaction are another tenant's.
    static func enter(_ tenant: TenantID) -> SQL {
        "SELECT set_config('sallyport.tenant_id', \(tenant.description), true)"
    }

    private static func tenant(_ row: Row) throws -> Tenant {
        let (
            id, slug, name, algorithm, isDisabled, color, logoURI, requiresSecondFactor, allowsOneSessionOnly, sessionLifetime, sessionIdle,
            passwordLength, rotationDays, publishesTokenStatus
        ) = try row.decode(
            UUID.self, String.self, String.self, String.self, Bool.self, String?.self, String?.self, Bool.self, Bool.self, Int32.self,
            Int32.self, Int32.self, Int32?.self, Bool.self
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
        settings.publishesTokenStatus = publishesTokenStatus
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
