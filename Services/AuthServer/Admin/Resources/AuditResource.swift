import JSON
import Tenancy

/// `audit-events`.
struct AuditResource: Sendable {
    let store: AuditStore

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        var before: Int64?
        if let cursor = try request.after() {
            guard let number = Int64(cursor) else { throw AdminRequest.unusableCursor }
            before = number
        }
        let filter = AuditStore.Filter(
            actorKind: request.query["actor_kind"], actorID: request.query["actor"], targetKind: request.query["target_kind"],
            targetID: request.query["target"], actionPrefix: request.query["action"], since: request.query["since"].flatMap { Int64($0) },
            until: request.query["until"].flatMap { Int64($0) }
        )
        let rows = try await store.page(filter, in: request.tenant.id, before: before, limit: request.limit + 1)
        return .page(rows, limit: request.limit, \.json, cursor: { String($0.number) })
    }
}
