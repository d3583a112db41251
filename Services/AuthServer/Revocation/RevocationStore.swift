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
        ofGrants("NOT 'mfa' = ANY (methods)", in: tenant, reason: reason, now: now)
    }

    /// Ends every grant that a person has given a client, each with its entry; to be run as ``statements(in:reason:now:)`` is.
    static func ofGrants(from account: AccountID, to client: ClientID, in tenant: TenantID, reason: String, now: Int64) -> SQL {
        ofGrants("account_id = \(account.rawValue) AND client_id = \(client.rawValue)", in: tenant, reason: reason, now: now)
    }

    private static func ofGrants(_ condition: SQL, in tenant: TenantID, reason: String, now: Int64) -> SQL {
        let (id, end) = (tenant.rawValue, Date(timeIntervalSince1970: Double(now + standingSeconds)))
        return """
            WITH ended AS (
                UPDATE auth.access_grant SET revoked_at = \(Date(timeIntervalSince1970: Double(now)))
                 WHERE tenant_id = \(id) AND revoked_at IS NULL AND \(condition)
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
        if let names = pairwiseNames(tenant) {
            entries.append(
                """
                INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
                SELECT \(tenant)::uuid, \(Period.short(end))::integer, \(kind.rawValue)::text, name, \(notBefore), \(reason)::text,
                       \(endMoment)::timestamptz
                  FROM (\(names)) AS names (name)
                """
            )
        }
        return entries
    }

    /// Under which names clients with pairwise subjects know the same.
    private func pairwiseNames(_ tenant: UUID) -> SQL? {
        switch self {
        case .session(let session, _):
            """
            SELECT DISTINCT pairwise_session FROM auth.access_grant
             WHERE tenant_id = \(tenant) AND session_id = \(session) AND pairwise_session IS NOT NULL
            """
        case .user(let account):
            """
            SELECT DISTINCT subject FROM auth.access_grant
             WHERE tenant_id = \(tenant) AND account_id = \(account.rawValue) AND subject <> \(target)
            """
        case .token, .grant, .client, .tenant: nil
        }
    }
}
