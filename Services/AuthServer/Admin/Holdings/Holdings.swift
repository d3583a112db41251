import FoundationEssentials
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// Takes back what people and clients hold, at once and everywhere.
struct Holdings: Sendable {
    let database: Postgres
    let clock: WallClock

    var store: HoldingStore { HoldingStore(database: database) }

    /// Writes the revocation with its audit event.
    ///
    /// - Throws: ``Problem`` for what does not exist here, and for somebody above the one who asks. The whole tenant singles out nobody.
    func revoke(_ revocation: Revocation, reason: String, in tenant: TenantID, by administrator: Administrator) async throws {
        try await database.administer(tenant) { transaction in
            let event = try await authorize(revocation, in: tenant, by: administrator, transaction)
            _ = try await transaction.batch(
                revocation.statements(in: tenant, reason: reason, now: clock.now) + [event.insertion(in: tenant)])
        }
    }

    /// A session, by its id: the `sid` of its tokens, unless the client's subjects are pairwise.
    func endSession(
        _ id: UUID, reason: String = "ended by an administrator", in tenant: TenantID, by administrator: Administrator
    ) async throws {
        try await revoke(.session(id, keepingOffline: false), reason: reason, in: tenant, by: administrator)
    }

    /// A grant, by the `grant_id` of its tokens.
    func revokeGrant(
        _ id: GrantID, reason: String = "revoked by an administrator", in tenant: TenantID, by administrator: Administrator
    ) async throws {
        try await revoke(.grant(id), reason: reason, in: tenant, by: administrator)
    }

    private func authorize(
        _ revocation: Revocation, in tenant: TenantID, by administrator: Administrator, _ transaction: Transaction
    ) async throws -> AuditEvent {
        let target = revocation.target
        switch revocation {
        case .token:
            return administrator.event("token.revoked", on: "token", target)
        case .grant(let id):
            guard let grant = try await HoldingStore.grant(id, in: tenant, transaction) else {
                throw Problem.notFound("grant", target)
            }
            try await requireReach(grant.account, in: tenant, by: administrator, transaction)
            return administrator.event(
                "grant.revoked", on: "grant", target, [("user", .string(grant.account.description)), ("client", .string(grant.client))])
        case .session(let id, _):
            guard let session = try await HoldingStore.session(id, in: tenant, transaction, now: clock.now) else {
                throw Problem.notFound("session", target)
            }
            try await requireReach(session.account, in: tenant, by: administrator, transaction)
            return administrator.event("session.ended", on: "session", target, [("user", .string(session.account.description))])
        case .user(let account):
            guard let member = try await AccountStore.lock(account, in: tenant, transaction) else { throw Problem.notFound("user", target) }
            try administrator.require(member.role)
            return administrator.event("token.revoked", on: "user", target)
        case .client(let id):
            guard let client = try await ClientStore.find(id, in: tenant, transaction) else { throw Problem.notFound("client", target) }
            try administrator.require(client)
            return administrator.event("token.revoked", on: "client", target)
        case .tenant:
            return administrator.event("token.revoked", on: "tenant", tenant.description)
        }
    }

    private func requireReach(
        _ account: AccountID, in tenant: TenantID, by administrator: Administrator, _ transaction: Transaction
    ) async throws {
        guard let member = try await AccountStore.lock(account, in: tenant, transaction) else { return }
        try administrator.require(member.role)
    }
}
