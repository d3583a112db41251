import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// Invitations inside their tenant. Those that were accepted, withdrawn or have expired are found no more.
struct InvitationStore: Sendable {
    let database: Postgres

    private static let columns: SQL = "id, email, role_name, invited_by, created_at, expires_at"

    private static func stands(in tenant: TenantID, now: Int64) -> SQL {
        "tenant_id = \(tenant.rawValue) AND accepted_at IS NULL AND withdrawn_at IS NULL AND expires_at > \(AccountRow.date(now))"
    }

    private static func selection(in tenant: TenantID, now: Int64) -> SQL {
        "SELECT \(columns) FROM auth.invitation WHERE \(stands(in: tenant, now: now))"
    }

    // MARK: - For who invites

    func page(in tenant: TenantID, after: UUID?, limit: Int, now: Int64) async throws -> [Invitation] {
        try await database.withTenant(tenant.rawValue).queryAll(
            "\(Self.selection(in: tenant, now: now)) AND (\(after) IS NULL OR id > \(after)) ORDER BY id LIMIT \(limit)"
        ) { try Self.invitation($0, tenant) }
    }

    func find(_ id: UUID, in tenant: TenantID, now: Int64) async throws -> Invitation? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "\(Self.selection(in: tenant, now: now)) AND id = \(id)"
        ) { try Self.invitation($0, tenant) }
    }

    static func lock(_ id: UUID, in tenant: TenantID, _ transaction: Transaction, now: Int64) async throws -> Invitation? {
        try await transaction.queryOptional("\(selection(in: tenant, now: now)) AND id = \(id) FOR UPDATE") {
            try invitation($0, tenant)
        }
    }

    static func insertion(_ invitation: Invitation, _ secret: OpaqueSecret) -> SQL {
        """
        INSERT INTO auth.invitation (tenant_id, id, email, role_name, token_hash, invited_by, created_at, expires_at)
        VALUES (\(invitation.tenant.rawValue), \(invitation.id), \(invitation.email), \(invitation.role), \(secret.hash),
                \(invitation.invitedBy), \(AccountRow.date(invitation.createdAt)), \(AccountRow.date(invitation.expiresAt)))
        """
    }

    static func withdrawal(of invitation: Invitation, now: Int64) -> SQL {
        """
        UPDATE auth.invitation SET withdrawn_at = \(AccountRow.date(now))
         WHERE tenant_id = \(invitation.tenant.rawValue) AND id = \(invitation.id)
        """
    }

    // MARK: - For who holds the token

    func find(_ secret: OpaqueSecret, in tenant: TenantID, now: Int64) async throws -> Invitation? {
        try await database.withTenant(tenant.rawValue).queryOptional(
            "\(Self.selection(in: tenant, now: now)) AND token_hash = \(secret.hash)"
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
        do {
            return try await database.withTransaction(settings: .account(account, in: tenant)) { transaction in
                // Decides between two who accept at the same moment.
                let invitation = try await transaction.queryOptional(
                    """
                    UPDATE auth.invitation SET accepted_at = \(AccountRow.date(now))
                     WHERE \(Self.stands(in: tenant, now: now)) AND token_hash = \(secret.hash)
                    RETURNING \(Self.columns)
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
        let (tenant, inviter) = (invitation.tenant, invitation.invitedBy)
        guard let role = try await RoleStore.share(invitation.role, in: tenant, transaction) else { return false }
        // The command line has no name.
        if inviter.isEmpty { return true }
        if let account = AccountID(inviter) {
            guard let member = try await AccountStore.lock(account, in: tenant, transaction), !member.isDisabled else { return false }
            return Authority(member.role).covers(role)
        }
        guard let id = ClientID(inviter), let client = try await ClientStore.lock(id, in: tenant, transaction), !client.isDisabled
        else { return false }
        return Authority(client).covers(role)
    }

    private static func invitation(_ row: Row, _ tenant: TenantID) throws -> Invitation {
        let (id, email, role, inviter, createdAt, expiresAt) = try row.decode(
            UUID.self, String.self, String.self, String.self, Date.self, Date.self)
        return Invitation(
            id: id, tenant: tenant, email: email, role: role, invitedBy: inviter, createdAt: AccountRow.seconds(createdAt),
            expiresAt: AccountRow.seconds(expiresAt))
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
