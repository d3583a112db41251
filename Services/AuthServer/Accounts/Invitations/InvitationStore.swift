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
    /// - Returns: false where the invitation is gone; nothing has happened then.
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
                _ = try await transaction.batch(
                    first + [AccountRow.membershipInsertion(account, in: tenant, role: invitation.role)]
                        + audit(invitation).map { $0.insertion(in: tenant) })
                return true
            }
        } catch let error as PostgresError where EmailTaken.isMeant(by: error) {
            throw EmailTaken()
        } catch let error as PostgresError where AlreadyMember.isMeant(by: error) {
            throw AlreadyMember()
        }
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
