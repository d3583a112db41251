import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// What people have allowed clients, remembered so that they are not asked again.
struct ConsentStore: Sendable {
    let database: Postgres

    /// - Returns: the scopes that the person has allowed the client, empty where none.
    func find(_ account: AccountID, _ client: ClientID, in tenant: TenantID) async throws -> ScopeSet {
        let scopes = try await database.withTenant(tenant.rawValue).queryOptional(
            """
            SELECT scopes
              FROM auth.consent
             WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue) AND client_id = \(client.rawValue)
            """
        ) { try $0.decode(String.self) }
        guard let scopes else { return .empty }
        return try ScopeSet(parsing: scopes)
    }

    /// Remembers the scopes, to be run inside the tenant.
    /// - Parameters:
    ///   - scopes: all of them, those allowed before included.
    ///   - now: seconds since 1970.
    static func remembering(_ scopes: ScopeSet, _ account: AccountID, _ client: ClientID, in tenant: TenantID, now: Int64) -> SQL {
        let moment = Date(timeIntervalSince1970: Double(now))
        return """
            INSERT INTO auth.consent (tenant_id, account_id, client_id, scopes, created_at, updated_at)
            VALUES (\(tenant.rawValue), \(account.rawValue), \(client.rawValue), \(scopes.description), \(moment), \(moment))
            ON CONFLICT (tenant_id, account_id, client_id) DO UPDATE SET scopes = EXCLUDED.scopes, updated_at = EXCLUDED.updated_at
            """
    }
}
