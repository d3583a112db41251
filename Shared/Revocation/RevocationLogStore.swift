internal import FoundationEssentials
public import Postgres
public import Tenancy

/// The revocation log as both services read it.
public struct RevocationLog: Sendable {
    private let database: Postgres

    public init(database: Postgres) {
        self.database = database
    }

    /// Every entry that still kills tokens, of all tenants.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Throws: ``UnknownRevocation`` for an entry of a kind that this program does not know.
    public func living(at now: Int64) async throws -> [RevocationEntry] {
        try await unseen(after: nil, at: now).entries
    }

    /// Living entries of all tenants that a reader at the position has not seen; all where there is none, or none of this database.
    ///
    /// - Returns: them, perhaps with some that the returned position does not show yet: those are returned again the next time.
    public func unseen(
        after position: RevocationPosition?, at now: Int64
    ) async throws -> (entries: [RevocationEntry], position: RevocationPosition) {
        let results = try await database.batch([
            Self.currentPosition,
            """
            SELECT tenant_id, kind, target, not_before, expires_at
              FROM sallyport.unseen_revocations(
                       \(Date(timeIntervalSince1970: Double(now))), \(position?.description)::text::pg_snapshot)
            """,
        ])
        guard results.count == 2 else { throw PostgresError.unexpectedRowCount(results.count) }
        let entries = try results[1].map { row in
            let (tenant, kind, target, notBefore, expiresAt) = try row.decode(
                UUID.self, String.self, String.self, Int64.self, Int64.self
            )
            return RevocationEntry(
                kind: try Self.kind(kind), tenant: TenantID(tenant), target: target, notBefore: notBefore, expiresAt: expiresAt)
        }
        return (entries, try Self.position(results[0]))
    }

    /// A bounded part of what one tenant's reader has not seen.
    public struct Page: Sendable {
        public let entries: [RevocationEntry]
        /// Where the reader stands when it has had all pages that began with this one.
        public let position: RevocationPosition
        /// Where the next page begins; nil: this was the last.
        public let next: Place?
    }

    /// Between two entries.
    public struct Place: Sendable, Hashable {
        fileprivate let transaction: String
        fileprivate let number: Int64
    }

    /// Living entries of a tenant that a reader at the position has not seen; for the role `sallyport_auth`.
    ///
    /// - Parameters:
    ///   - place: `next` of the page before; nil for the first, whose position is that of the whole reading.
    ///   - now: seconds since 1970.
    public func page(
        of tenant: TenantID, after position: RevocationPosition?, from place: Place? = nil, at now: Int64, limit: Int = 1000
    ) async throws -> Page {
        let results = try await database.batch([
            Self.currentPosition,
            Self.reading(of: tenant, after: position, from: place, at: now, limit: limit),
        ])
        guard results.count == 2 else { throw PostgresError.unexpectedRowCount(results.count) }
        let current = try Self.position(results[0])
        // Of the future, so another database's.
        if let position, position.next > current.next {
            return try await page(of: tenant, after: nil, from: place, at: now, limit: limit)
        }
        var last: Place?
        let entries = try results[1].map { row in
            let (transaction, number, kind, target, notBefore, expiresAt) = try row.decode(
                String.self, Int64.self, String.self, String.self, Int64.self, Int64.self
            )
            last = Place(transaction: transaction, number: number)
            return RevocationEntry(kind: try Self.kind(kind), tenant: tenant, target: target, notBefore: notBefore, expiresAt: expiresAt)
        }
        return Page(entries: entries, position: current, next: entries.count == limit ? last : nil)
    }

    private static let currentPosition: SQL = "SELECT pg_current_snapshot()::text"

    private static func reading(
        of tenant: TenantID, after position: RevocationPosition?, from place: Place?, at now: Int64, limit: Int
    ) -> SQL {
        let seen = position?.description
        let from = place ?? Place(transaction: String(position?.oldest ?? 0), number: 0)
        return """
            SELECT transaction_id::text, position, kind, target, floor(extract(epoch FROM not_before))::bigint,
                   ceil(extract(epoch FROM expires_at))::bigint
              FROM auth.revocation
             WHERE tenant_id = \(tenant.rawValue) AND period >= \(Int32(clamping: now / 86_400))
               AND expires_at > \(Date(timeIntervalSince1970: Double(now)))
               AND (transaction_id, position) > (\(from.transaction)::text::xid8, \(from.number)::bigint)
               AND (\(seen)::text IS NULL OR NOT pg_visible_in_snapshot(transaction_id, \(seen)::text::pg_snapshot))
             ORDER BY transaction_id, position
             LIMIT \(Int64(limit))
            """
    }

    private static func kind(_ text: String) throws -> RevocationKind {
        guard let kind = RevocationKind(rawValue: text) else { throw UnknownRevocation(kind: text) }
        return kind
    }

    private static func position(_ result: QueryResult) throws -> RevocationPosition {
        guard let text = try result.first?.decode(String.self) else { throw PostgresError.unexpectedRowCount(0) }
        guard let position = RevocationPosition(text) else { throw UnknownSnapshot() }
        return position
    }
}

/// The log has an entry that this program does not understand: a newer version wrote it.
public struct UnknownRevocation: Error, CustomStringConvertible {
    let kind: String

    public var description: String { "auth.revocation: unknown kind \(kind)" }
}

/// PostgreSQL's snapshot has too many running transactions, or another form than expected.
struct UnknownSnapshot: Error {}
