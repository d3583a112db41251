import FoundationEssentials
import OAuth
import Postgres
import Revocation
import Tenancy

extension Revocation {
    /// The statements that make the revocation true, to be run inside the tenant, in the transaction of their cause.
    ///
    /// Sessions first, since new grants wait for them; then grants: a refresh takes the same row locks, so it either sees the grant revoked or
    /// hands out a token that the log's entry covers.
    ///
    /// - Parameters:
    ///   - reason: a few words for people who read the log.
    ///   - now: seconds since 1970; tokens issued up to this second are dead.
    func statements(in tenant: TenantID, reason: String, now: Int64) -> [SQL] {
        let id = tenant.rawValue
        let moment = Date(timeIntervalSince1970: Double(now))
        return ends(id, moment) + entries(id, reason: String(reason.prefix(200)), now: now)
    }

    /// Ends every grant that rests on a password alone, each with its entry; to be run as ``statements(in:reason:now:)`` is.
    static func ofSingleFactorGrants(in tenant: TenantID, reason: String, now: Int64) -> SQL {
        let (id, end) = (tenant.rawValue, Date(timeIntervalSince1970: Double(now + standingSeconds)))
        return """
            WITH ended AS (
                UPDATE auth.access_grant SET revoked_at = \(Date(timeIntervalSince1970: Double(now)))
                 WHERE tenant_id = \(id) AND revoked_at IS NULL AND NOT 'mfa' = ANY (methods)
                RETURNING period, id
            )
            INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
            SELECT \(id)::uuid, \(Period.short(now + standingSeconds))::integer, 'grant', period || '.' || id, \(end)::timestamptz,
                   \(reason)::text, \(end)::timestamptz
              FROM ended
            """
    }

    private func ends(_ tenant: UUID, _ now: Date) -> [SQL] {
        switch self {
        case .token: []
        case .grant(let grant):
            [
                """
                UPDATE auth.access_grant SET revoked_at = \(now)
                 WHERE tenant_id = \(tenant) AND period = \(grant.period) AND id = \(grant.id) AND revoked_at IS NULL
                """
            ]
        case .session(let session, let keepingOffline):
            [
                "UPDATE auth.tenant_session SET ended_at = \(now) WHERE tenant_id = \(tenant) AND id = \(session) AND ended_at IS NULL",
                """
                UPDATE auth.access_grant SET revoked_at = \(now)
                 WHERE tenant_id = \(tenant) AND session_id = \(session) AND revoked_at IS NULL
                   AND NOT (\(keepingOffline) AND 'offline_access' = ANY (string_to_array(scopes, ' ')))
                """,
            ]
        case .user(let account):
            [
                """
                UPDATE auth.tenant_session SET ended_at = \(now)
                 WHERE tenant_id = \(tenant) AND account_id = \(account.rawValue) AND ended_at IS NULL
                """,
                """
                UPDATE auth.access_grant SET revoked_at = \(now)
                 WHERE tenant_id = \(tenant) AND account_id = \(account.rawValue) AND revoked_at IS NULL
                """,
            ]
        case .client(let client):
            [
                """
                UPDATE auth.access_grant SET revoked_at = \(now)
                 WHERE tenant_id = \(tenant) AND client_id = \(client.rawValue) AND revoked_at IS NULL
                """
            ]
        case .tenant:
            [
                "UPDATE auth.tenant_session SET ended_at = \(now) WHERE tenant_id = \(tenant) AND ended_at IS NULL",
                "UPDATE auth.access_grant SET revoked_at = \(now) WHERE tenant_id = \(tenant) AND revoked_at IS NULL",
            ]
        }
    }

    private func entries(_ tenant: UUID, reason: String, now: Int64) -> [SQL] {
        let end = end(now)
        // The clock is read again, since the statements before this one may have waited for locks.
        let notBefore: SQL = "greatest(\(Date(timeIntervalSince1970: Double(notBefore(now)))), clock_timestamp())"
        let endMoment = Date(timeIntervalSince1970: Double(end))
        var entries: [SQL] = [
            """
            INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
            VALUES (\(tenant), \(Period.short(end)), \(kind.rawValue), \(target), \(notBefore), \(reason), \(endMoment))
            """
        ]
        if case .user(let account) = self {
            // Clients with pairwise subjects know the person under other names.
            entries.append(
                """
                INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
                SELECT DISTINCT tenant_id, \(Period.short(end))::integer, 'user', subject, \(notBefore), \(reason)::text,
                       \(endMoment)::timestamptz
                  FROM auth.access_grant
                 WHERE tenant_id = \(tenant) AND account_id = \(account.rawValue) AND subject <> \(target)
                """
            )
        }
        return entries
    }
}
