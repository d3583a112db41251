import HTTPTypes
import Hummingbird
import ServiceKit
import Tenancy

/// `GET /t/{tenant}/oauth2/jwks`: the tenant's public keys (RFC 7517 §5).
struct JWKSEndpoint: Sendable {
    static let maximumAgeSeconds = 300

    let tenants: RequestTenant
    let keys: KeyRings

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("t/:tenant/oauth2/jwks", [.get: keySet])
    }

    @Sendable private func keySet(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let tenant = try await tenants.require(request, context)
        let ring = try await keys.require(tenant.id)
        let headers: HTTPFields = [
            .cacheControl: "public, max-age=\(Self.maximumAgeSeconds), stale-if-error=86400",
            .eTag: ring.entityTag,
            .accessControlAllowOrigin: "*",
        ]
        if request.headers[.ifNoneMatch] == ring.entityTag {
            return Response(status: .notModified, headers: headers)
        }
        return .json(ring.keySet, headers: headers, contentType: "application/jwk-set+json")
    }
}
