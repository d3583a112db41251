import FoundationEssentials
import JOSE
import JSON
import Tenancy

/// `tenants`, in the platform's own tenant.
struct TenantResource: Sendable {
    let tenants: Tenants
    let vault: KeyVault
    let issuers: Issuers

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        let rows = try await tenants.store.page(after: request.after(), limit: request.limit + 1)
        return .page(rows, limit: request.limit, json, cursor: \.slug.rawValue)
    }

    @Sendable func create(_ request: AdminRequest) async throws -> AdminAnswer {
        let slug: TenantSlug
        do {
            slug = try TenantSlug(request.text("tenant") ?? "")
        } catch {
            throw Problem(.malformed, error.description, pointer: "/tenant")
        }
        var tenant = Tenant(
            id: TenantID(UUID()), slug: slug, name: slug.rawValue, isDisabled: false,
            signingAlgorithm: request.text("signing_algorithm").flatMap(JWSAlgorithm.init) ?? .es256)
        tenant.set(request.body)
        try await tenants.create(tenant, vault: vault, home: request.tenant.id, by: request.administrator)
        return .created(json(tenant), at: "tenants/\(slug)")
    }

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        .resource(json(try await require(request)))
    }

    @Sendable func update(_ request: AdminRequest) async throws -> AdminAnswer {
        let tenant = try await tenants.update(try await require(request).id, home: request.tenant.id, by: request.administrator) { tenant in
            try request.requireMatch(json(tenant))
            tenant.set(request.body)
        }
        return .resource(json(tenant))
    }

    @Sendable func disable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(true, request) }
    @Sendable func enable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(false, request) }

    private func setDisabled(_ isDisabled: Bool, _ request: AdminRequest) async throws -> AdminAnswer {
        try await tenants.setDisabled(isDisabled, try await require(request).id, home: request.tenant.id, by: request.administrator) {
            try request.requireMatch(json($0))
        }
        return .resource(json(try await require(request)))
    }

    private func require(_ request: AdminRequest) async throws -> Tenant {
        guard let slug = try? TenantSlug(request.id("slug")), let tenant = try await tenants.store.find(.slug(slug)) else {
            throw Problem.notFound("tenant", request.id("slug"))
        }
        return tenant
    }

    private func json(_ tenant: Tenant) -> JSONObject {
        JSONObject(
            [
                ("tenant", .string(tenant.slug.rawValue)), ("id", .string(tenant.id.description)),
                ("issuer", .string(issuers.issuer(of: tenant.slug))), ("disabled", .bool(tenant.isDisabled)),
                ("signing_algorithm", .string(tenant.signingAlgorithm.rawValue)),
            ] + tenant.settingsObject.members.map { ($0.name, $0.value) })
    }
}
