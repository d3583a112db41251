import JSON
import Tenancy

/// `settings`: what the tenant decides.
struct SettingsResource: Sendable {
    let tenants: Tenants

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let tenant = try await tenants.store.find(.id(request.tenant.id)) else { throw Problem.notFound("tenant", "") }
        return .resource(tenant.settingsObject)
    }

    @Sendable func update(_ request: AdminRequest) async throws -> AdminAnswer {
        let tenant = try await tenants.update(request.tenant.id, by: request.administrator) { tenant in
            try request.requireMatch(tenant.settingsObject)
            tenant.set(request.body)
        }
        return .resource(tenant.settingsObject)
    }
}
