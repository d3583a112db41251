import HTTPTypes
import Hummingbird
import JSON
import ServiceKit
import Tenancy

/// OAuth 2.0 Protected Resource Metadata (RFC 9728 §3), with and without the API's path and the tenant's.
struct ResourceMetadataEndpoint: Sendable {
    static let wellKnownPath = "/.well-known/oauth-protected-resource"

    let settings: ResourceAPISettings

    /// Where the document of this API is, for challenges (RFC 9728 §5.1).
    var url: String {
        let origin = settings.apiURL.dropLast(settings.apiPath.utf8.count)
        return origin + Self.wellKnownPath + settings.apiPath
    }

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for suffix in Set(["", settings.apiPath]) {
            router.route(RouterPath(Self.wellKnownPath + suffix), [.get: metadata])
            router.route(RouterPath(Self.wellKnownPath + "/t/:tenant" + suffix), [.get: metadata])
        }
    }

    @Sendable private func metadata(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let hints = try TenantHints(
            path: context.parameters.get("tenant"), header: request.headers[.tenantID], host: context.requestedHost(request),
            baseHost: settings.baseHost
        )
        let slugs = hints.names.compactMap { if case .slug(let slug) = $0 { slug } else { nil } }
        guard Set(slugs).count <= 1 else { throw TenancyError.conflictingTenants }
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        json.field("resource", settings.apiURL)
        json.name("authorization_servers")
        json.beginArray()
        json.string(slugs.first.map { "\(settings.baseURL)/t/\($0)" } ?? settings.baseURL)
        json.endArray()
        json.name("bearer_methods_supported")
        json.beginArray()
        json.string("header")
        json.endArray()
        json.endObject()
        return .json(
            json.bytes,
            headers: [.cacheControl: "public, max-age=300", .vary: "X-Tenant-ID", .accessControlAllowOrigin: "*"]
        )
    }
}
