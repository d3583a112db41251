import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// The bits of tokens: whose they are, and which are set.
struct StatusListStore: Sendable {
    let database: Postgres

    /// Everything by which tokens with bits of one allocation can be revoked.
    struct Holder: Sendable, Hashable {
        let clientID: ClientID
        let subject: String
        var sessionID: String?
        var grantID: String?
    }

    /// Gives out the next bits of a period.
    ///
    /// - Parameters:
    ///   - issuedAt: no token that gets one of them has an earlier `iat`.
    ///   - count: how many.
    /// - Returns: the first.
    func allocate(_ count: Int, to holder: Holder, period: Int32, issuedAt: Int64, in tenant: TenantID) async throws -> Int64 {
        let id = tenant.rawValue
        return try await database.withTenant(id).queryOne(
            """
            WITH counter AS (
                INSERT INTO auth.status_list AS list (tenant_id, period, next_index)
                VALUES (\(id), \(period), \(Int64(count)))
                ON CONFLICT (tenant_id, period) DO UPDATE SET next_index = list.next_index + excluded.next_index
                RETURNING list.next_index - \(Int64(count)) AS first_index
            )
            INSERT INTO auth.status_allocation (tenant_id, period, first_index, index_count, allocated_at, client_id, subject, session_id, grant_id)
            SELECT \(id)::uuid, \(period)::integer, first_index, \(Int32(count))::integer, \(issuedAt)::bigint, \(holder.clientID.rawValue)::text,
                   \(holder.subject)::text, \(holder.sessionID)::text, \(holder.grantID)::text
              FROM counter
            RETURNING first_index
            """
        ) { try $0.decode(Int64.self) }
    }

    /// The set bits of a list as ranges; nil: there is no such list.
    ///
    /// A bit is set where an entry of the log kills the token: all kinds but the first if it was issued up to the entry's second.
    func revoked(_ list: StatusListID, in tenant: TenantID, now: Int64) async throws -> [Range<Int64>]? {
        let (id, from) = (tenant.rawValue, list.firstIndex)
        let end = from + StatusIndex.listCapacity
        let results = try await database.withTenant(id).batch([
            "SELECT next_index FROM auth.status_list WHERE tenant_id = \(id) AND period = \(list.period)",
            """
            WITH living AS (
                SELECT kind, target, floor(extract(epoch FROM not_before))::bigint AS not_before
                  FROM auth.revocation
                 WHERE tenant_id = \(id) AND period >= \(Period.short(now)) AND expires_at > \(Date(timeIntervalSince1970: Double(now)))
            ), causes AS (
                SELECT kind, target, max(not_before) AS not_before FROM living WHERE kind <> 'token' GROUP BY kind, target
            )
            SELECT a.first_index, a.index_count
              FROM auth.status_allocation AS a
             CROSS JOIN LATERAL (
                       VALUES ('grant', a.grant_id), ('session', a.session_id), ('user', a.subject), ('client', a.client_id), ('tenant', '')
                   ) AS name (kind, target)
              JOIN causes ON causes.kind = name.kind AND causes.target = name.target AND causes.not_before >= a.allocated_at
             WHERE a.tenant_id = \(id) AND a.period = \(list.period) AND a.first_index < \(end) AND a.first_index + a.index_count > \(from)
             UNION
            SELECT split_part(target, '.', 3)::bigint, 1
              FROM living
             WHERE kind = 'token' AND target ~ '^[A-Za-z0-9_-]{22}\\.[0-9]{1,9}\\.[0-9]{1,15}$'
               AND split_part(target, '.', 2) = \(String(list.period))
            """,
        ])
        guard results.count == 2 else { throw PostgresError.unexpectedRowCount(results.count) }
        guard let next = try results[0].first?.decode(Int64.self), next > from else { return nil }
        return try results[1].compactMap { row in
            let (first, count) = try row.decode(Int64.self, Int32.self)
            let range = (first..<first + Int64(count)).clamped(to: from..<end)
            return range.isEmpty ? nil : range.lowerBound - from..<range.upperBound - from
        }
    }
}
