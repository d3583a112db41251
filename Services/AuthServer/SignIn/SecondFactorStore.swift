import FoundationEssentials
import Postgres
import Tenancy

/// Second factors and recovery codes, seen by nobody but the account. What counts once is decided by one statement.
struct SecondFactorStore: Sendable {
    struct Factor: Sendable, Hashable {
        let sealedSecret: [UInt8]
        let isConfirmed: Bool
    }

    let database: Postgres

    func find(_ account: AccountID) async throws -> Factor? {
        try await database.with(.account(account)).queryOptional(Self.selection(account), Self.factor)
    }

    /// Inserts a confirmed factor with its recovery codes.
    ///
    /// - Returns: false, with nothing written, where there is one already, or the account has another password by now.
    func insert(_ sealed: [UInt8], for account: Account, step: Int64, recoveryHashes: [[UInt8]], now: Int64) async throws -> Bool {
        let (mark, account) = (account.passwordMark, account.id)
        return try await database.withTransaction(settings: .account(account)) { transaction in
            let confirmed = try await transaction.query(
                """
                INSERT INTO auth.second_factor (account_id, sealed_secret, confirmed_at, last_step)
                SELECT account.id, \(sealed), \(AccountRow.date(now)), \(step)
                  FROM auth.account
                 WHERE account.id = \(account.rawValue) AND account.disabled_at IS NULL AND \(mark.stands)
                   FOR SHARE
                ON CONFLICT (account_id) DO UPDATE
                   SET sealed_secret = excluded.sealed_secret, confirmed_at = excluded.confirmed_at, last_step = excluded.last_step
                 WHERE second_factor.confirmed_at IS NULL
                """
            )
            guard confirmed.affectedRows == 1 else { return false }
            _ = try await transaction.batch(
                ["DELETE FROM auth.recovery_code WHERE account_id = \(account.rawValue)"]
                    + recoveryHashes.map { hash in
                        "INSERT INTO auth.recovery_code (account_id, code_hash) VALUES (\(account.rawValue), \(hash))"
                    })
            return true
        }
    }

    /// Uses a time step; it and those before it are gone then.
    func spend(step: Int64, of account: AccountID) async throws -> Bool {
        let result = try await database.with(.account(account)).query(
            """
            UPDATE auth.second_factor SET last_step = \(step)
             WHERE account_id = \(account.rawValue) AND confirmed_at IS NOT NULL AND last_step < \(step)
            """
        )
        return result.affectedRows == 1
    }

    /// Uses a recovery code.
    func spend(_ hash: [UInt8], of account: AccountID, now: Int64) async throws -> Bool {
        let result = try await database.with(.account(account)).query(
            """
            UPDATE auth.recovery_code SET used_at = \(AccountRow.date(now))
             WHERE account_id = \(account.rawValue) AND code_hash = \(hash) AND used_at IS NULL
            """
        )
        return result.affectedRows == 1
    }

    /// - Parameter tenant: whose log tells of it.
    func remove(_ account: AccountID, recording event: AuditEvent, in tenant: TenantID) async throws -> Bool {
        try await database.withTransaction(settings: .account(account, in: tenant)) { transaction in
            let removed = try await transaction.query("DELETE FROM auth.second_factor WHERE account_id = \(account.rawValue)")
            guard removed.affectedRows == 1 else { return false }
            _ = try await transaction.batch([
                "DELETE FROM auth.recovery_code WHERE account_id = \(account.rawValue)", event.insertion(in: tenant),
            ])
            return true
        }
    }

    private static func selection(_ account: AccountID) -> SQL {
        "SELECT sealed_secret, confirmed_at IS NOT NULL FROM auth.second_factor WHERE account_id = \(account.rawValue)"
    }

    private static func factor(_ row: Row) throws -> Factor {
        let (sealed, isConfirmed) = try row.decode([UInt8].self, Bool.self)
        return Factor(sealedSecret: sealed, isConfirmed: isConfirmed)
    }
}
