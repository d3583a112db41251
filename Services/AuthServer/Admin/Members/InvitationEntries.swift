import FoundationEssentials
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy

/// An invitation that is open, as administrators see it.
struct InvitationEntry: Sendable, Hashable {
    let id: UUID
    let email: String
    let role: String
    let invitedBy: String
    /// Seconds since 1970.
    let createdAt: Int64
    let expiresAt: Int64
}

/// A tenant's invitations, as its administrators make, see and withdraw them; accepting one is the invited person's.
struct InvitationEntries: Sendable {
    static let lifetimeSeconds: Int64 = 7 * 86_400

    let database: Postgres
    let clock: WallClock

    private static let selection: SQL = "SELECT id, email, role_name, invited_by, created_at, expires_at FROM auth.invitation"

    private func open(_ tenant: TenantID) -> SQL {
        """
        WHERE tenant_id = \(tenant.rawValue) AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > \(Self.date(clock.now))
        """
    }

    func page(in tenant: TenantID, after: UUID?, limit: Int) async throws -> [InvitationEntry] {
        try await database.withTenant(tenant.rawValue).queryAll(
            "\(Self.selection) \(open(tenant)) AND (\(after) IS NULL OR id > \(after)) ORDER BY id LIMIT \(limit)", Self.entry)
    }

    func find(_ id: UUID, in tenant: TenantID) async throws -> InvitationEntry? {
        try await database.withTenant(tenant.rawValue).queryOptional("\(Self.selection) \(open(tenant)) AND id = \(id)", Self.entry)
    }

    /// - Returns: the invitation, and its secret in clear, which is stored nowhere.
    func create(
        email: String, role name: String, in tenant: TenantID, by administrator: Administrator
    ) async throws -> (InvitationEntry, OpaqueSecret) {
        try EmailAddress.require(email)
        let secret = OpaqueSecret.generate(.invitation)
        let now = clock.now
        let entry = InvitationEntry(
            id: UUID(), email: email, role: name, invitedBy: administrator.actor.identifier, createdAt: now,
            expiresAt: now + Self.lifetimeSeconds)
        try await database.administer(tenant) { transaction in
            guard let role = try await RoleStore.share(name, in: tenant, transaction) else {
                throw Problem(.malformed, "there is no role ‘\(name.prefix(63))’", pointer: "/role")
            }
            try administrator.require(role)
            let event = administrator.event(
                "invitation.created", on: "invitation", entry.id.uuidString.lowercased(),
                [("email", .string(email)), ("role", .string(name))])
            _ = try await transaction.batch([
                """
                INSERT INTO auth.invitation (tenant_id, id, email, role_name, token_hash, invited_by, created_at, expires_at)
                VALUES (\(tenant.rawValue), \(entry.id), \(email), \(name), \(secret.hash), \(entry.invitedBy), \(Self.date(now)),
                        \(Self.date(entry.expiresAt)))
                """,
                event.insertion(in: tenant),
            ])
        }
        return (entry, secret)
    }

    func withdraw(_ id: UUID, in tenant: TenantID, by administrator: Administrator, check: (InvitationEntry) throws -> Void) async throws {
        try await database.administer(tenant) { transaction in
            guard
                let entry = try await transaction.queryOptional(
                    "\(Self.selection) \(open(tenant)) AND id = \(id) FOR UPDATE", Self.entry)
            else { throw Problem.notFound("invitation", id.uuidString.lowercased()) }
            try check(entry)
            if let role = try await RoleStore.find(entry.role, in: tenant, transaction) { try administrator.require(role) }
            _ = try await transaction.batch([
                "UPDATE auth.invitation SET withdrawn_at = \(Self.date(clock.now)) WHERE tenant_id = \(tenant.rawValue) AND id = \(id)",
                administrator.event("invitation.withdrawn", on: "invitation", id.uuidString.lowercased()).insertion(in: tenant),
            ])
        }
    }

    private static func entry(_ row: Row) throws -> InvitationEntry {
        let (id, email, role, invitedBy, created, expires) = try row.decode(
            UUID.self, String.self, String.self, String.self, Date.self, Date.self)
        return InvitationEntry(
            id: id, email: email, role: role, invitedBy: invitedBy, createdAt: Int64(created.timeIntervalSince1970),
            expiresAt: Int64(expires.timeIntervalSince1970))
    }

    private static func date(_ seconds: Int64) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
}
