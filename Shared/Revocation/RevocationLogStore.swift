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

    /// As ``readUnseen(after:at:pageSize:_:)``, all at once.
    public func unseen(
        after position: RevocationPosition?, at now: Int64, pageSize: Int = Self.pageSize
    ) async throws -> (entries: [RevocationEntry], position: RevocationPosition) {
        var entries: [RevocationEntry] = []
        let position = try await readUnseen(after: position, at: now, pageSize: pageSize) { entries += $0 }
        return (entries, position)
    }

    /// Rows that are in memory at once while a log of perhaps a million is read.
    public static let pageSize = 10_000

    /// Reads living entries of all tenants that a reader at the position has not seen; all where there is none, or none of this database.
    ///
    /// - Parameter take: gets a page, perhaps with some that the returned position does not show yet: those are read again the next time.
    public func readUnseen(
        after position: RevocationPosition?, at now: Int64, pageSize: Int = Self.pageSize, _ take: ([RevocationEntry]) -> Void
    ) async throws -> RevocationPosition {
        var current: RevocationPosition?
        var last = LogKey(tenant: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), period: 0, position: 0)
        while true {
            let page = Self.unseenPage(after: position, at: now, from: last, limit: pageSize)
            // The first page's: what is committed while others are read may lie before them.
            let results = try await database.batch(current == nil ? [Self.currentPosition, page] : [page])
            guard let rows = results.last else { throw PostgresError.unexpectedRowCount(results.count) }
            let known = try current ?? Self.position(results[0])
            current = known
            let entries = try rows.map { row in
                let (tenant, period, number, kind, target, notBefore, expiresAt) = try row.decode(
                    UUID.self, Int32.self, Int64.self, String.self, String.self, Int64.self, Int64.self
                )
                last = LogKey(tenant: tenant, period: period, position: number)
                return RevocationEntry(
                    kind: try Self.kind(kind), tenant: TenantID(tenant), target: target, notBefore: notBefore, expiresAt: expiresAt)
            }
            take(entries)
            if entries.count < pageSize { return known }
        }
    }

    /// The table's.
    private struct LogKey {
        let tenant: UUID
        let period: Int32
        let position: Int64
    }

    private static func unseenPage(after position: RevocationPosition?, at now: Int64, from key: LogKey, limit: Int) -> SQL {
        """
        SELECT tenant_id, period, position, kind, target, not_before, expires_at
          FROM sallyport.unseen_revocations(
                   \(Date(timeIntervalSince1970: Double(now))), \(position?.description)::text::pg_snapshot,
                   \(key.tenant), \(key.period)::integer, \(key.position)::bigint, \(Int64(limit))::bigint)
        """
    }

    /// A bounded part of what one tenant's reader has not seen.
    public struct Page: Sendable {
        public let entries: [RevocationEntry]
        /// Where the reader stands when it has had all pages that began with this one.
        public let position: RevocationPosition
        /// Where the next page begins; nil: this was the last.
        public let next: Place?
        /// With all pages the reader has had everything that was committed before.
        public var completeAsOf: ContinuousClock.Instant
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
        let began = ContinuousClock.now
        let results = try await database.batch([
            Self.currentPosition(of: tenant),
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
        return Page(entries: entries, position: current, next: entries.count == limit ? last : nil, completeAsOf: began)
    }

    private static let currentPosition: SQL = "SELECT pg_current_snapshot()::text, sallyport.revocation_horizon()::text"

    private static func currentPosition(of tenant: TenantID) -> SQL {
        """
        SELECT pg_current_snapshot()::text,
               (SELECT transaction_id::text FROM auth.revocation
                 WHERE tenant_id = \(tenant.rawValue) ORDER BY transaction_id DESC LIMIT 1)
        """
    }

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
        guard let (snapshot, horizon) = try result.first?.decode(String.self, String?.self) else {
            throw PostgresError.unexpectedRowCount(0)
        }
        guard let position = RevocationPosition(snapshot) else { throw UnknownSnapshot() }
        return position.upTo(horizon.flatMap { UInt64($0) })
    }
}

/// The log has an entry that this program does not understand: a newer version wrote it.
public struct UnknownRevocation: Error, CustomStringConvertible {
    let kind: String

    public var description: String { "auth.revocation: unknown kind \(kind)" }
}

/// PostgreSQL's snapshot has too many running transactions, or another form than expected.
struct UnknownSnapshot: Error {}
