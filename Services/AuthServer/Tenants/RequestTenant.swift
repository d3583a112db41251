import Hummingbird
import ServiceKit
import Tenancy

/// Reads from a request which tenant it is for.
struct RequestTenant: Sendable {
    let directory: TenantDirectory
    /// The host of the base URL, in lower case.
    let baseHost: String
    let labels: TenantLabels

    func hints(_ request: Request, _ context: ServiceContext) throws(TenancyError) -> TenantHints {
        try hints(request, context, path: context.parameters.get("tenant"))
    }

    private func hints(_ request: Request, _ context: ServiceContext, path: String?) throws(TenancyError) -> TenantHints {
        let headers = request.headers[values: .tenantID]
        guard headers.count <= 1 else { throw .conflictingTenants }
        return try TenantHints(
            path: path, header: headers.first, host: context.requestedHost(request), baseHost: baseHost
        )
    }

    /// The tenant named by path, header or subdomain; nil where the request names none.
    func find(_ request: Request, _ context: ServiceContext) async throws -> Tenant? {
        let tenant = try await directory.resolve(hints(request, context))
        if let tenant { note(tenant, context) }
        return tenant
    }

    /// For metrics: also where the tenant is the client's own.
    func note(_ tenant: Tenant, _ context: ServiceContext) {
        context.note(labels.label(of: tenant.slug.rawValue))
    }

    /// As ``find(_:_:)``, where it does not matter whether there is such a page.
    func findAnywhere(_ request: Request, _ context: ServiceContext) async throws -> Tenant? {
        let words = request.uri.path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: true)
        let path = words.count > 1 && words[0] == "t" ? String(words[1]) : nil
        return try await directory.resolve(hints(request, context, path: path))
    }

    func require(_ request: Request, _ context: ServiceContext) async throws -> Tenant {
        guard let tenant = try await find(request, context) else { throw TenancyError.unknownTenant }
        return tenant
    }
}
