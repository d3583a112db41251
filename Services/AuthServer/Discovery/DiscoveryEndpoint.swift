import HTTPTypes
import Hummingbird
import JOSE
import OAuth
import ServiceKit
import Tenancy

/// Discovery (RFC 8414 §3 and OpenID Connect Discovery §4) in every place where clients look for it:
/// the well-known name before the issuer's path, behind it, and at the root.
struct DiscoveryEndpoint: Sendable {
    let requestTenant: RequestTenant
    let issuers: Issuers
    let audience: String
    let grants: [GrantType]
    let keys: KeyRings

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        for name in ["oauth-authorization-server", "openid-configuration"] {
            router.route(".well-known/\(name)", [.get: metadata])
            router.route(".well-known/\(name)/t/:tenant", [.get: metadata])
            router.route("t/:tenant/.well-known/\(name)", [.get: metadata])
        }
    }

    @Sendable private func metadata(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await requestTenant.find(request, context)
        let issuer = tenant.map { issuers.issuer(of: $0.slug) } ?? issuers.baseURL
        var algorithms: [JWSAlgorithm] = []
        if let tenant { algorithms = [try await keys.require(tenant.id).identitySigner.algorithm] }
        let document = AuthorizationServerMetadata(
            issuer: issuer, isTenants: tenant != nil, grantTypes: grants, signingAlgorithms: algorithms, protectedResources: [audience]
        )
        return .json(
            document.serialized(),
            headers: [
                .cacheControl: "public, max-age=300, stale-if-error=86400",
                .vary: "X-Tenant-ID",
                .accessControlAllowOrigin: "*",
            ]
        )
    }
}
