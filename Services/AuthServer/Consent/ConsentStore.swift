import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// What a person has allowed one client.
struct GivenConsent: Sendable, Hashable {
    let client: ClientID
    let clientName: String
    let scopes: ScopeSet
    /// Of the latest yes, in seconds since 1970.
    let givenAt: Int64
}

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

    /// By the client's name.
    func all(of account: AccountID, in tenant: TenantID) async throws -> [GivenConsent] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            SELECT client.client_id, client.name, consent.scopes, consent.updated_at
              FROM auth.consent
              JOIN auth.client ON client.tenant_id = consent.tenant_id AND client.client_id = consent.client_id
             WHERE consent.tenant_id = \(tenant.rawValue) AND consent.account_id = \(account.rawValue)
             ORDER BY lower(client.name), client.client_id
            """
        ) { row in
            let (client, name, scopes, updatedAt) = try row.decode(String.self, String.self, String.self, Date.self)
            guard let client = ClientID(client) else { throw StoredDataError("auth.consent: unusable client_id") }
            return GivenConsent(
                client: client, clientName: name, scopes: try ScopeSet(parsing: scopes), givenAt: AccountRow.seconds(updatedAt))
        }
    }

    /// Finds one row while the person allows the client what they allowed before, and keeps it so until the transaction ends: whoever
    /// withdraws it waits, and finds what was granted on it.
    static func hold(_ remembered: ScopeSet, _ account: AccountID, _ client: ClientID, in tenant: TenantID) -> SQL {
        """
        SELECT true FROM auth.consent
         WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue) AND client_id = \(client.rawValue)
           AND scopes = \(remembered.description)
           FOR SHARE
        """
    }

    /// To be run inside the tenant.
    static func deletion(_ account: AccountID, _ client: ClientID, in tenant: TenantID) -> SQL {
        """
        DELETE FROM auth.consent
         WHERE tenant_id = \(tenant.rawValue) AND account_id = \(account.rawValue) AND client_id = \(client.rawValue)
        """
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
