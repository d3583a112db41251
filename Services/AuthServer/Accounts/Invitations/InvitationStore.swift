import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// Invitations from the side of who holds their token, inside the tenant.
struct InvitationStore: Sendable {
    let database: Postgres

    func find(_ secret: OpaqueSecret, in tenant: TenantID, now: Int64) async throws -> Invitation? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT id, email, role_name, expires_at
              FROM auth.invitation
             WHERE tenant_id = \(tenant.rawValue) AND token_hash = \(secret.hash)
               AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > \(AccountRow.date(now))
            """
        ) { try Self.invitation($0, tenant) }
    }

    /// Accepts once and makes the account a member.
    ///
    /// - Parameters:
    ///   - first: what makes the account, for one that is new.
    ///   - audit: what is recorded.
    /// - Returns: false where the invitation is gone, or who made it could make it no longer; nothing has happened then.
    /// - Throws: ``EmailTaken``, ``AlreadyMember``; nothing has happened then.
    func accept(
        _ secret: OpaqueSecret, by account: AccountID, in tenant: TenantID, now: Int64, first: [SQL], audit: (Invitation) -> [AuditEvent]
    ) async throws -> Bool {
        let moment = AccountRow.date(now)
        do {
            return try await database.withTransaction(settings: .account(account, in: tenant)) { transaction in
                // Decides between two who accept at the same moment.
                let invitation = try await transaction.queryOptional(
                    """
                    UPDATE auth.invitation SET accepted_at = \(moment)
                     WHERE tenant_id = \(tenant.rawValue) AND token_hash = \(secret.hash)
                       AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > \(moment)
                    RETURNING id, email, role_name, expires_at
                    """
                ) { try Self.invitation($0, tenant) }
                guard let invitation else { return false }
                guard try await Self.isBacked(invitation, transaction) else { throw Unbacked() }
                _ = try await transaction.batch(
                    first + [AccountRow.membershipInsertion(account, in: tenant, role: invitation.role)]
                        + audit(invitation).map { $0.insertion(in: tenant) })
                return true
            }
        } catch is Unbacked {
            return false
        } catch let error as PostgresError where EmailTaken.isMeant(by: error) {
            throw EmailTaken()
        } catch let error as PostgresError where AlreadyMember.isMeant(by: error) {
            throw AlreadyMember()
        }
    }

    private struct Unbacked: Error {}

    /// Whether who made the invitation could make it now: they may have been demoted, disabled or removed since.
    private static func isBacked(_ invitation: Invitation, _ transaction: Transaction) async throws -> Bool {
        let tenant = invitation.tenant
        let inviter = try await transaction.queryOne(
            "SELECT invited_by FROM auth.invitation WHERE tenant_id = \(tenant.rawValue) AND id = \(invitation.id)", as: String.self)
        guard let role = try await RoleStore.share(invitation.role, in: tenant, transaction) else { return false }
        // The command line has no name.
        if inviter.isEmpty { return true }
        if let account = AccountID(inviter) {
            guard let member = try await MemberStore.lock(account, in: tenant, transaction), !member.membership.isDisabled,
                !member.account.isDisabled
            else { return false }
            return Authority(member.role).covers(role)
        }
        guard let id = ClientID(inviter), let client = try await ClientStore.lock(id, in: tenant, transaction), !client.isDisabled
        else { return false }
        return Authority(client).covers(role)
    }

    private static func invitation(_ row: Row, _ tenant: TenantID) throws -> Invitation {
        let (id, email, role, expiresAt) = try row.decode(UUID.self, String.self, String.self, Date.self)
        return Invitation(id: id, tenant: tenant, email: email, role: role, expiresAt: AccountRow.seconds(expiresAt))
    }
}

/// The account is a member of the tenant, disabled or not.
struct AlreadyMember: Error, CustomStringConvertible {
    let description = "the account is a member of the tenant already"

    static func isMeant(by error: PostgresError) -> Bool {
        guard case .server(let report) = error else { return false }
        return report.sqlState == .uniqueViolation && report.constraint == "membership_pkey"
    }
}
