internal import FoundationEssentials
public import Postgres
internal import Tenancy

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
        try await database.queryAll(
            """
            SELECT tenant_id, kind, target, not_before, expires_at
              FROM sallyport.living_revocations(\(Date(timeIntervalSince1970: Double(now))))
            """
        ) { row in
            let (tenant, kind, target, notBefore, expiresAt) = try row.decode(
                UUID.self, String.self, String.self, Int64.self, Int64.self
            )
            guard let kind = RevocationKind(rawValue: kind) else { throw UnknownRevocation(kind: kind) }
            return RevocationEntry(kind: kind, tenant: TenantID(tenant), target: target, notBefore: notBefore, expiresAt: expiresAt)
        }
    }
}

/// The log has an entry that this program does not understand: a newer version wrote it.
public struct UnknownRevocation: Error, CustomStringConvertible {
    let kind: String

    public var description: String { "auth.revocation: unknown kind \(kind)" }
}
