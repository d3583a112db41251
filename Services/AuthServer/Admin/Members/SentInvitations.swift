import FoundationEssentials
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// A tenant's invitations, as its administrators make, see and withdraw them; accepting one is the invited person's.
struct SentInvitations: Sendable {
    static let lifetimeSeconds: Int64 = 7 * 86_400

    let database: Postgres
    let clock: WallClock

    private var store: InvitationStore { InvitationStore(database: database) }

    /// By id, those after `after`.
    func page(in tenant: TenantID, after: UUID?, limit: Int) async throws -> [Invitation] {
        try await store.page(in: tenant, after: after, limit: limit, now: clock.now)
    }

    func find(_ id: UUID, in tenant: TenantID) async throws -> Invitation? {
        try await store.find(id, in: tenant, now: clock.now)
    }

    /// - Returns: the invitation, and its secret in clear, which is stored nowhere.
    func create(
        email: String, role name: String, in tenant: TenantID, by administrator: Administrator
    ) async throws -> (Invitation, OpaqueSecret) {
        try EmailAddress.require(email)
        let secret = OpaqueSecret.generate(.invitation)
        let now = clock.now
        let invitation = Invitation(
            id: UUID(), tenant: tenant, email: email, role: name, invitedBy: administrator.actor.identifier, createdAt: now,
            expiresAt: now + Self.lifetimeSeconds)
        try await database.administer(tenant) { transaction in
            guard let role = try await RoleStore.share(name, in: tenant, transaction) else {
                throw Problem(.malformed, "there is no role ‘\(name.prefix(63))’", pointer: "/role")
            }
            try administrator.require(role)
            let event = administrator.event(
                "invitation.created", on: "invitation", invitation.name, [("email", .string(email)), ("role", .string(name))])
            _ = try await transaction.batch([InvitationStore.insertion(invitation, secret), event.insertion(in: tenant)])
        }
        return (invitation, secret)
    }

    /// - Parameter check: throws to refuse, such as for `If-Match`.
    func withdraw(_ id: UUID, in tenant: TenantID, by administrator: Administrator, check: (Invitation) throws -> Void) async throws {
        try await database.administer(tenant) { transaction in
            guard let invitation = try await InvitationStore.lock(id, in: tenant, transaction, now: clock.now) else {
                throw Problem.notFound("invitation", id.uuidString.lowercased())
            }
            try check(invitation)
            if let role = try await RoleStore.find(invitation.role, in: tenant, transaction) { try administrator.require(role) }
            let event = administrator.event("invitation.withdrawn", on: "invitation", invitation.name)
            _ = try await transaction.batch([InvitationStore.withdrawal(of: invitation, now: clock.now), event.insertion(in: tenant)])
        }
    }
}
