import HTTPTypes
import Hummingbird
import ServiceKit

/// Cross-origin requests of browser apps (Fetch §3.2): every origin may call the endpoints that read no cookie, and none may send one.
enum CrossOrigin {
    @Sendable static func preflight(_ request: Request, _ context: ServiceContext) async throws -> Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowOrigin: "*",
                .accessControlAllowMethods: "GET, POST",
                .accessControlAllowHeaders: "authorization, content-type, x-tenant-id",
                .accessControlMaxAge: "7200",
            ]
        )
    }
}
