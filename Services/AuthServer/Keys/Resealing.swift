import Cryptography
import FoundationEssentials
import OAuth
import Postgres
import Tenancy

/// Seals everything under a new master key that the present one, or the one before it, can open. Can be run again: what is sealed under the
/// new key already stays as it is.
struct Resealing: Sendable {
    /// How many secrets of each kind were sealed anew.
    struct Report: Sendable, Hashable {
        var signingKeys = 0
        var platformKeys = 0
        var clientSecrets = 0
        var secondFactors = 0
    }

    let database: Postgres
    /// Opens what is there.
    let current: SealingKey
    let new: SealingKey

    func run(tenants: [TenantID]) async throws -> Report {
        var report = Report()
        report.platformKeys = try await platformKeys()
        for tenant in tenants {
            report.signingKeys += try await signingKeys(of: tenant)
            report.clientSecrets += try await clientSecrets(of: tenant)
        }
        report.secondFactors = try await secondFactors()
        return report
    }

    /// - Returns: nil for what is sealed under the new key.
    private func reseal(_ sealed: [UInt8], _ context: [UInt8], _ row: String) throws -> [UInt8]? {
        if SealingKey.identifier(of: sealed) == new.identifier, (try? new.open(sealed, authenticating: context)) != nil { return nil }
        let secret: [UInt8]
        do {
            secret = try current.open(sealed, authenticating: context)
        } catch {
            throw StoredDataError("\(row): cannot be opened with the master key that is set; nothing of this table was changed")
        }
        let resealed = try new.seal(secret, authenticating: context)
        guard try new.open(resealed, authenticating: context) == secret else {
            throw StoredDataError("\(row): does not open under the new key; nothing of this table was changed")
        }
        return resealed
    }

    private func platformKeys() async throws -> Int {
        try await database.withTransaction { transaction in
            let rows = try await transaction.queryAll("SELECT name, sealed_key FROM auth.platform_key ORDER BY name FOR UPDATE") {
                try $0.decode(String.self, [UInt8].self)
            }
            var statements: [SQL] = []
            for (name, sealed) in rows {
                let context = Array("platform-key \(name)".utf8)
                guard let resealed = try reseal(sealed, context, "auth.platform_key \(name)") else { continue }
                statements.append("UPDATE auth.platform_key SET sealed_key = \(resealed) WHERE name = \(name)")
            }
            _ = try await transaction.batch(statements)
            return statements.count
        }
    }

    private func signingKeys(of tenant: TenantID) async throws -> Int {
        let id = tenant.rawValue
        return try await database.withTenant(id) { transaction in
            let rows = try await transaction.queryAll(
                """
                SELECT key_id, sealed_private_key FROM auth.signing_key
                 WHERE tenant_id = \(id) AND sealed_private_key IS NOT NULL ORDER BY key_id FOR UPDATE
                """
            ) { try $0.decode(String.self, [UInt8].self) }
            var statements: [SQL] = []
            for (keyID, sealed) in rows {
                let context = KeyVault.context(tenant, keyID)
                guard let resealed = try reseal(sealed, context, "auth.signing_key \(keyID)") else { continue }
                statements.append(
                    "UPDATE auth.signing_key SET sealed_private_key = \(resealed) WHERE tenant_id = \(id) AND key_id = \(keyID)")
            }
            _ = try await transaction.batch(statements)
            return statements.count
        }
    }

    private func clientSecrets(of tenant: TenantID) async throws -> Int {
        let id = tenant.rawValue
        return try await database.withTenant(id) { transaction in
            let rows = try await transaction.queryAll(
                """
                SELECT client_id, secret_hash, sealed_secret FROM auth.client_secret
                 WHERE tenant_id = \(id) AND sealed_secret IS NOT NULL ORDER BY client_id, secret_hash FOR UPDATE
                """
            ) { try $0.decode(String.self, [UInt8].self, [UInt8].self) }
            var statements: [SQL] = []
            for (client, hash, sealed) in rows {
                guard let clientID = ClientID(client) else { throw StoredDataError("auth.client_secret \(client): unusable client_id") }
                let context = ClientSecretVault.context(clientID, tenant)
                guard let resealed = try reseal(sealed, context, "auth.client_secret of \(client)") else { continue }
                statements.append(
                    """
                    UPDATE auth.client_secret SET sealed_secret = \(resealed)
                     WHERE tenant_id = \(id) AND client_id = \(client) AND secret_hash = \(hash)
                    """)
            }
            _ = try await transaction.batch(statements)
            return statements.count
        }
    }

    /// A second factor is seen by its account alone, so each is a transaction of its own.
    private func secondFactors() async throws -> Int {
        let accounts = try await database.queryAll("SELECT auth.accounts_with_second_factor()") { AccountID(try $0.decode(UUID.self)) }
        var count = 0
        for account in accounts {
            count += try await database.withTransaction(settings: .account(account)) { transaction in
                let sealed = try await transaction.queryOptional(
                    "SELECT sealed_secret FROM auth.second_factor WHERE account_id = \(account.rawValue) FOR UPDATE"
                ) { try $0.decode([UInt8].self) }
                guard let sealed,
                    let resealed = try reseal(sealed, SecondFactors.context(account), "auth.second_factor of \(account)")
                else { return 0 }
                _ = try await transaction.query(
                    "UPDATE auth.second_factor SET sealed_secret = \(resealed) WHERE account_id = \(account.rawValue)")
                return 1
            }
        }
        return count
    }
}
