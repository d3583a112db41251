import JSON
import OAuth
import Tenancy

/// `clients`.
struct ClientResource: Sendable {
    let clients: Clients

    @Sendable func list(_ request: AdminRequest) async throws -> AdminAnswer {
        let rows = try await clients.store.page(in: request.tenant.id, after: request.after(), limit: request.limit + 1)
        return .page(rows, limit: request.limit, \.metadata, cursor: \.id.rawValue)
    }

    @Sendable func create(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let id = request.text("client_id").map({ ClientID($0) }) ?? ClientID.generate() else {
            throw Problem(.malformed, "a client_id is printable ASCII without space, colon, quote and backslash", pointer: "/client_id")
        }
        var client = Client.unconfigured(id, in: request.tenant.id)
        try await client.set(request.body) { try await RoleStore(database: clients.database).find($0, in: request.tenant.id) }
        let secret = try await clients.create(client, by: request.administrator)
        var json = client.metadata
        if let secret { json["client_secret"] = .string(secret.rawValue) }
        return .created(json, at: "clients/\(PercentEncoding.query(id.rawValue))", isRepresentation: false)
    }

    @Sendable func get(_ request: AdminRequest) async throws -> AdminAnswer {
        .resource(try await require(request).metadata)
    }

    @Sendable func update(_ request: AdminRequest) async throws -> AdminAnswer {
        let client = try await clients.update(request.clientID(), in: request.tenant.id, by: request.administrator) { client, transaction in
            try request.requireMatch(client.metadata)
            try await client.set(request.body) { try await RoleStore.find($0, in: request.tenant.id, transaction) }
        }
        return .resource(client.metadata)
    }

    @Sendable func remove(_ request: AdminRequest) async throws -> AdminAnswer {
        try await clients.remove(request.clientID(), from: request.tenant.id, by: request.administrator) {
            try request.requireMatch($0.metadata)
        }
        return .noContent
    }

    @Sendable func rotateSecret(_ request: AdminRequest) async throws -> AdminAnswer {
        let id = try request.clientID()
        let secret = try await clients.rotateSecret(
            of: id, in: request.tenant.id, overlapSeconds: Int(request.body["overlap"]?.intValue ?? 86_400), by: request.administrator
        ) { try request.requireMatch($0.metadata) }
        return .created(
            ["client_id": .string(id.rawValue), "client_secret": .string(secret.rawValue)],
            at: "clients/\(PercentEncoding.query(id.rawValue))", isRepresentation: false)
    }

    @Sendable func disable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(true, request) }
    @Sendable func enable(_ request: AdminRequest) async throws -> AdminAnswer { try await setDisabled(false, request) }

    private func setDisabled(_ isDisabled: Bool, _ request: AdminRequest) async throws -> AdminAnswer {
        try await clients.setDisabled(isDisabled, request.clientID(), in: request.tenant.id, by: request.administrator) {
            try request.requireMatch($0.metadata)
        }
        return .resource(try await require(request).metadata)
    }

    private func require(_ request: AdminRequest) async throws -> Client {
        guard let client = try await clients.store.find(request.clientID(), in: request.tenant.id) else {
            throw Problem.notFound("client", request.id("client_id"))
        }
        return client
    }
}
