import FoundationEssentials
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// A tenant's clients, registered and changed by people, programs and commands alike. Each change is one transaction with its audit event
/// and its revocations.
struct Clients: Sendable {
    let database: Postgres
    /// Asked for only where a secret must be sealed.
    let secretVault: @Sendable () throws -> ClientSecretVault
    let clock: WallClock

    var store: ClientStore { ClientStore(database: database) }

    /// - Returns: the secret in clear, which is stored nowhere, or nil for a client without one.
    func create(_ client: Client, by administrator: Administrator) async throws -> OpaqueSecret? {
        try await database.administer(client.tenantID) { transaction in
            try await create(client, by: administrator, transaction)
        }
    }

    func create(_ client: Client, by administrator: Administrator, _ transaction: Transaction) async throws -> OpaqueSecret? {
        try client.check()
        // It would be told apart from a person by nothing: both are subjects of tokens.
        guard UUID(uuidString: client.id.rawValue) == nil else {
            throw Problem(.malformed, "a client_id cannot look like a user's id", pointer: "/client_id")
        }
        try administrator.require(client)
        var client = client
        let secret = client.authenticationMethod.usesSecret ? OpaqueSecret.generate(.clientSecret) : nil
        client.secrets = try secret.map { [try stored($0, of: client)] } ?? []
        _ = try await transaction.batch(
            ClientStore.insertions(client) + [
                administrator.event("client.created", on: "client", client.id.rawValue, [("name", .string(client.name))])
                    .insertion(in: client.tenantID)
            ])
        return secret
    }

    /// What a change means to whoever holds tokens of the client: narrower scopes, another role, and another way or other keys to
    /// authenticate end them.
    func update(
        _ id: ClientID, in tenant: TenantID, by administrator: Administrator, change: (inout Client, Transaction) async throws -> Void
    ) async throws -> Client {
        try await database.administer(tenant) { transaction in
            try await Self.update(id, in: tenant, by: administrator, now: clock.now, transaction, change: change)
        }
    }

    static func update(
        _ id: ClientID, in tenant: TenantID, by administrator: Administrator, now: Int64, _ transaction: Transaction,
        change: (inout Client, Transaction) async throws -> Void
    ) async throws -> Client {
        let before = try await require(id, in: tenant, by: administrator, transaction)
        var client = before
        try await change(&client, transaction)
        let changes = client.differences(from: before)
        guard !changes.isEmpty else { return before }
        try client.check()
        try administrator.require(client)
        let isNarrower = before.scopes.intersection(client.scopes) != before.scopes
        let provesOtherwise =
            client.authenticationMethod != before.authenticationMethod || client.jwks != before.jwks || client.jwksURI != before.jwksURI
        let endsTokens = isNarrower || client.role != before.role || provesOtherwise
        let changed = JSONValue.array(changes.map(JSONValue.string))
        _ = try await transaction.batch(
            [ClientStore.update(client)]
                + (endsTokens ? Revocation.client(id).statements(in: tenant, reason: "the client changed", now: now) : [])
                + [administrator.event("client.changed", on: "client", id.rawValue, [("changed", changed)]).insertion(in: tenant)])
        return client
    }

    func setDisabled(
        _ isDisabled: Bool, _ id: ClientID, in tenant: TenantID, by administrator: Administrator,
        check: (Client) throws -> Void = { _ in }
    ) async throws {
        try await database.administer(tenant) { transaction in
            let client = try await Self.require(id, in: tenant, by: administrator, transaction)
            try check(client)
            guard client.isDisabled != isDisabled else { return }
            _ = try await transaction.batch(
                [ClientStore.setDisabled(id, in: tenant, isDisabled)]
                    + (isDisabled ? Revocation.client(id).statements(in: tenant, reason: "client disabled", now: clock.now) : [])
                    + [
                        administrator.event(isDisabled ? "client.disabled" : "client.enabled", on: "client", id.rawValue)
                            .insertion(in: tenant)
                    ])
        }
    }

    /// - Parameter overlapSeconds: how long the secret before stays valid; 0 ends it, and every token got with it, at once.
    func rotateSecret(
        of id: ClientID, in tenant: TenantID, overlapSeconds: Int, by administrator: Administrator,
        check: (Client) throws -> Void = { _ in }
    ) async throws -> OpaqueSecret {
        try await database.administer(tenant) { transaction in
            let client = try await Self.require(id, in: tenant, by: administrator, transaction)
            try check(client)
            guard client.authenticationMethod.usesSecret else { throw Problem(.conflict, "the client ‘\(id)’ has no secret") }
            let secret = OpaqueSecret.generate(.clientSecret)
            let revocations =
                overlapSeconds == 0 ? Revocation.client(id).statements(in: tenant, reason: "client secret replaced", now: clock.now) : []
            let event = administrator.event(
                "client.secret_rotated", on: "client", id.rawValue, [("overlap_seconds", .integer(Int64(overlapSeconds)))])
            _ = try await transaction.batch(
                ClientStore.secretRotation(
                    of: id, in: tenant, to: try stored(secret, of: client), overlapSeconds: overlapSeconds)
                    + revocations + [event.insertion(in: tenant)])
            return secret
        }
    }

    /// Only its hash, unless the client uses the secret itself as a key.
    private func stored(_ secret: OpaqueSecret, of client: Client) throws -> Client.Secret {
        guard client.authenticationMethod == .clientSecretJWT else { return Client.Secret(hash: secret.hash, expiresAt: nil) }
        let sealed = try secretVault().seal(secret, of: client.id, in: client.tenantID)
        return Client.Secret(hash: secret.hash, expiresAt: nil, sealedSecret: sealed)
    }

    func remove(
        _ id: ClientID, from tenant: TenantID, by administrator: Administrator, check: (Client) throws -> Void = { _ in }
    ) async throws {
        try await database.administer(tenant) { transaction in
            try await Self.remove(id, from: tenant, by: administrator, now: clock.now, transaction, check: check)
        }
    }

    static func remove(
        _ id: ClientID, from tenant: TenantID, by administrator: Administrator, now: Int64, _ transaction: Transaction,
        check: (Client) throws -> Void = { _ in }
    ) async throws {
        let client = try await require(id, in: tenant, by: administrator, transaction)
        try check(client)
        _ = try await transaction.batch(
            Revocation.client(id).statements(in: tenant, reason: "client removed", now: now)
                + [
                    ClientStore.deletion(id, in: tenant),
                    administrator.event("client.removed", on: "client", id.rawValue, [("name", .string(client.name))]).insertion(
                        in: tenant),
                ])
    }

    private static func require(
        _ id: ClientID, in tenant: TenantID, by administrator: Administrator, _ transaction: Transaction
    ) async throws -> Client {
        guard let client = try await ClientStore.lock(id, in: tenant, transaction) else { throw Problem.notFound("client", id.rawValue) }
        try administrator.require(client)
        return client
    }
}
