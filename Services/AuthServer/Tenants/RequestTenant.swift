import Hummingbird
import ServiceKit
import Tenancy

/// Reads from a request which tenant it is for.
struct RequestTenant: Sendable {
    let directory: TenantDirectory
    /// The host of the base URL, in lower case.
    let baseHost: String

    func hints(_ request: Request, _ context: ServiceContext) throws(TenancyError) -> TenantHints {
        let headers = request.headers[values: .tenantID]
        guard headers.count <= 1 else { throw .conflictingTenants }
        return try TenantHints(
            path: context.parameters.get("tenant"), header: headers.first, host: context.requestedHost(request), baseHost: baseHost
        )
    }

    /// The tenant named by path, header or subdomain; nil where the request names none.
    func find(_ request: Request, _ context: ServiceContext) async throws -> Tenant? {
        try await directory.resolve(hints(request, context))
    }

    func require(_ request: Request, _ context: ServiceContext) async throws -> Tenant {
        guard let tenant = try await find(request, context) else { throw TenancyError.unknownTenant }
        return tenant
    }
}
