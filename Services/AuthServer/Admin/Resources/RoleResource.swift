import JSON
import Tenancy

/// `roles`.
struct RoleResource: Sendable {
    let roles: Roles

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        let after = try request.after()
        let rows = try await roles.store.all(in: request.tenant.id).sorted { $0.name < $1.name }
            .filter { role in after.map { role.name > $0 } ?? true }
        return .page(rows, limit: request.limit, \.json, cursor: \.name)
    }

    @Sendable func create(_ request: AdminRequest) async throws -> AdminAnswer {
        let role = Role(
            name: request.text("name") ?? "", rank: Int(request.body["rank"]?.intValue ?? 0), permissions: request.permissions ?? [],
            isBuiltIn: false)
        try await roles.create(role, in: request.tenant.id, by: request.administrator)
        return .created(role.json, at: "roles/\(role.name)")
    }

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let role = try await roles.store.find(request.id("role"), in: request.tenant.id) else {
            throw Problem.notFound("role", request.id("role"))
        }
        return .resource(role.json)
    }

    @Sendable func update(_ request: AdminRequest) async throws -> AdminAnswer {
        let role = try await roles.update(
            request.id("role"), rank: request.body["rank"]?.intValue.map(Int.init), permissions: request.permissions,
            in: request.tenant.id, by: request.administrator
        ) { try request.requireMatch($0.json) }
        return .resource(role.json)
    }

    @Sendable func remove(_ request: AdminRequest) async throws -> AdminAnswer {
        try await roles.remove(request.id("role"), in: request.tenant.id, by: request.administrator) { try request.requireMatch($0.json) }
        return .noContent
    }
}

extension Role {
    var json: JSONObject {
        [
            "name": .string(name), "rank": .integer(Int64(rank)), "permissions": .array(permissions.map(JSONValue.string)),
            "built_in": .bool(isBuiltIn),
        ]
    }
}

extension AdminRequest {
    fileprivate var permissions: [String]? { body["permissions"]?.arrayValue?.compactMap(\.stringValue) }
}
