import HTTPTypes
import Hummingbird
import ServiceKit

/// `POST {API}/{table}/restore?filters`: rows that were deleted softly come back, and what was deleted along with them.
///
/// The filters, `Prefer`, `If-Match` and the answer are those of DELETE; the scope is `{table}:delete`.
struct RestoreEndpoint: Sendable {
    let tables: TableEndpoint

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.post(RouterPath(tables.path + "/:table/restore")) { request, context in
            try await tables.respond(request, context, .delete, isRestoration: true)
        }
    }
}
