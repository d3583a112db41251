import Postgres
import ServiceKit
import Tenancy

/// Finds tenants by name without asking the database twice.
struct TenantDirectory: Sendable {
    private let cache: ReadThroughCache<TenantHints.Name, Tenant>

    init(store: TenantStore) {
        cache = ReadThroughCache(capacity: 10_000) { try await store.find($0) }
    }

    /// The one tenant that a request names, or nil where it names none.
    ///
    /// - Throws: ``TenancyError/unknownTenant`` for one that does not exist or is disabled, ``TenancyError/conflictingTenants``.
    func resolve(_ hints: TenantHints) async throws -> Tenant? {
        guard let first = hints.names.first else { return nil }
        guard let tenant = try await cache.value(for: first), !tenant.isDisabled else { throw TenancyError.unknownTenant }
        guard hints.agree(with: tenant) else { throw TenancyError.conflictingTenants }
        return tenant
    }

    func find(_ id: TenantID) async throws -> Tenant? {
        try await cache.value(for: .id(id))
    }
}

extension TenantDirectory: ChangeObserver {
    func changed(_ change: AuthChange) {
        // A tenant is remembered under its slug as well, which the announcement does not tell.
        if change.table == .tenant { cache.invalidate { _ in true } }
    }

    func notificationsBegan() { cache.notificationsBegan() }
    func notificationsStopped() { cache.notificationsStopped() }
}
