import Cryptography
import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// The assertions that have been used.
struct ClientAssertionStore: Sendable {
    let database: Postgres

    /// - Parameter expiresAt: seconds since 1970.
    /// - Returns: whether this is the first use: of any number at the same moment, one is.
    func spend(_ tokenID: String, expiresAt: Int64, of client: ClientID, in tenant: TenantID) async throws -> Bool {
        let result = try await database.withTenant(tenant.rawValue).query(
            """
            INSERT INTO auth.client_assertion (tenant_id, period, client_id, jti_hash, expires_at)
            VALUES (\(tenant.rawValue), \(Period.short(expiresAt)), \(client.rawValue), \(SHA256.hash(Array(tokenID.utf8))),
                    \(Date(timeIntervalSince1970: Double(expiresAt))))
            ON CONFLICT DO NOTHING
            """
        )
        return result.affectedRows == 1
    }
}
