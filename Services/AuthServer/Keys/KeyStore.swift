import FoundationEssentials
import JOSE
import Postgres
import Tenancy

/// The signing keys of one tenant at a time.
struct KeyStore: Sendable {
    let database: Postgres

    /// Every key, the newest first.
    func all(in tenant: TenantID) async throws -> [SealedSigningKey] {
        try await database.withTenant(tenant.rawValue).queryAll(
            """
            SELECT key_id, algorithm, state, public_jwk, sealed_private_key, created_at, activated_at, retire_after
              FROM auth.signing_key
             WHERE tenant_id = \(tenant.rawValue)
             ORDER BY created_at DESC, key_id
            """,
            Self.key
        )
    }

    /// Makes `next` the active key and `successor` the next one. The key that was active verifies until the last token it signed has expired.
    ///
    /// - Throws: ``KeyRotationConflict`` where `active` is not the active key any more: somebody else rotated.
    func promote(nextAfter active: String, successor: SealedSigningKey, in tenant: TenantID, also: [SQL] = []) async throws {
        let id = tenant.rawValue
        try await database.withTenant(id) { transaction in
            try await Self.lock(active, id, transaction)
            _ = try await transaction.query(
                """
                UPDATE auth.signing_key
                   SET state = 'retired', sealed_private_key = NULL
                 WHERE tenant_id = \(id) AND state = 'retiring' AND retire_after <= now()
                """
            )
            _ = try await transaction.query(
                """
                UPDATE auth.signing_key
                   SET state = 'retiring', retire_after = now() + make_interval(secs => \(Double(KeyRotation.retirementSeconds)))
                 WHERE tenant_id = \(id) AND state = 'active'
                """
            )
            _ = try await transaction.query(
                "UPDATE auth.signing_key SET state = 'active', activated_at = now() WHERE tenant_id = \(id) AND state = 'next'"
            )
            _ = try await transaction.batch([successor.insertion(tenant: tenant)] + also)
        }
    }

    /// Puts `key` in the place of the next key, which has not signed anything yet.
    func replaceNext(
        with key: SealedSigningKey, whileActive active: String, in tenant: TenantID, also: [SQL] = []
    ) async throws {
        let id = tenant.rawValue
        try await database.withTenant(id) { transaction in
            try await Self.lock(active, id, transaction)
            _ = try await transaction.query(
                "UPDATE auth.signing_key SET state = 'retired', sealed_private_key = NULL WHERE tenant_id = \(id) AND state = 'next'"
            )
            _ = try await transaction.query(key.insertion(tenant: tenant))
            _ = try await transaction.query(
                "UPDATE auth.tenant SET signing_algorithm = \(key.algorithm.rawValue) WHERE id = \(id)"
            )
            _ = try await transaction.batch(also)
        }
    }

    func insert(_ key: SealedSigningKey, in tenant: TenantID, also: [SQL] = []) async throws {
        _ = try await database.batch([key.insertion(tenant: tenant)] + also, settings: .tenant(tenant.rawValue))
    }

    /// The tenants that want their signing key replaced at an age, and that age.
    func rotating() async throws -> [(tenant: TenantID, days: Int)] {
        try await database.queryAll(
            "SELECT id, key_rotation_days FROM auth.tenant WHERE key_rotation_days IS NOT NULL AND disabled_at IS NULL ORDER BY id"
        ) { row in
            let (id, days) = try row.decode(UUID.self, Int32.self)
            return (TenantID(id), Int(days))
        }
    }

    /// Rotations of one tenant happen one after the other, each on the state that its caller saw.
    private static func lock(_ active: String, _ tenant: UUID, _ transaction: Transaction) async throws {
        let current = try await transaction.query(
            "SELECT key_id FROM auth.signing_key WHERE tenant_id = \(tenant) AND state = 'active' AND key_id = \(active) FOR UPDATE"
        )
        guard current.count == 1 else { throw KeyRotationConflict() }
    }

    private static func key(_ row: Row) throws -> SealedSigningKey {
        let (keyID, algorithm, state, publicJWK, sealed, createdAt, activatedAt, retireAfter) = try row.decode(
            String.self, String.self, String.self, String.self, [UInt8]?.self, Date.self, Date?.self, Date?.self
        )
        guard let algorithm = JWSAlgorithm(rawValue: algorithm), let state = SigningKeyState(rawValue: state) else {
            throw StoredDataError("auth.signing_key \(keyID): unknown algorithm or state")
        }
        return SealedSigningKey(
            keyID: keyID, algorithm: algorithm, state: state, publicJWK: publicJWK, sealedPrivateKey: sealed, createdAt: createdAt,
            activatedAt: activatedAt, retireAfter: retireAfter
        )
    }
}

struct KeyRotationConflict: Error, CustomStringConvertible {
    let description = "the tenant's keys were changed by somebody else meanwhile; look at `key list` and try again"
}
