import Cryptography
import FoundationEssentials
import JOSE
import JSON
import Postgres
import ServiceKit
import Tenancy

/// Moves a tenant's keys through their states.
struct KeyRotation: Sendable {
    /// The longest that an access token may live, and ten minutes for clocks and caches.
    static let retirementSeconds: Int64 = 86_400 + 600

    enum Outcome: Sendable {
        /// The next key signs from now on.
        case promoted(active: String, next: String)
        /// A key of another algorithm is published first; verifiers that remember the key set must see it before it signs.
        case published(next: String)
    }

    enum ImportedKeyUse: Sendable {
        case next
        case active
        /// Never signs; verifies tokens that were issued before the move.
        case verifyOnly(until: Date)
    }

    let store: KeyStore
    let vault: KeyVault
    let clock: WallClock

    private var now: Date { Date(timeIntervalSince1970: Double(clock.now)) }

    /// - Parameter immediately: a change of algorithm takes effect without waiting for verifiers to see the new key.
    func rotate(
        _ tenant: Tenant, to algorithm: JWSAlgorithm?, immediately: Bool, by administrator: Administrator = .operator
    ) async throws -> Outcome {
        let keys = try await store.all(in: tenant.id)
        let wanted = algorithm ?? tenant.signingAlgorithm
        guard let active = keys.first(where: { $0.state == .active }), let next = keys.first(where: { $0.state == .next }) else {
            throw StoredDataError("auth.signing_key: tenant \(tenant.slug) lacks an active or a next key")
        }
        var promoted = next
        if next.algorithm != wanted {
            promoted = try vault.generate(wanted, state: .next, tenant: tenant.id, now: now)
            let published = administrator.event(
                "key.rotated", on: "key", promoted.keyID, [("state", "next"), ("alg", .string(wanted.rawValue))])
            try await store.replaceNext(
                with: promoted, whileActive: active.keyID, in: tenant.id, also: [published.insertion(in: tenant.id)])
            guard immediately else { return .published(next: promoted.keyID) }
        }
        let successor = try vault.generate(wanted, state: .next, tenant: tenant.id, now: now)
        let event = administrator.event("key.rotated", on: "key", promoted.keyID, [("state", "active"), ("alg", .string(wanted.rawValue))])
        try await store.promote(
            nextAfter: active.keyID, successor: successor, in: tenant.id, also: [event.insertion(in: tenant.id)])
        return .promoted(active: promoted.keyID, next: successor.keyID)
    }

    /// Takes in a key from another server.
    func importKey(
        _ key: PrivateKey, algorithm: JWSAlgorithm, keyID: String?, use: ImportedKeyUse, into tenant: Tenant,
        by administrator: Administrator = .operator
    ) async throws -> SealedSigningKey {
        guard let active = try await store.all(in: tenant.id).first(where: { $0.state == .active }) else {
            throw StoredDataError("auth.signing_key: tenant \(tenant.slug) has no active key")
        }
        if case .verifyOnly(let until) = use {
            let sealed = try vault.seal(
                key, algorithm: algorithm, keyID: keyID, state: .retiring, tenant: tenant.id, now: now, retireAfter: until
            )
            try await store.insert(sealed, in: tenant.id, also: [Self.imported(sealed, by: administrator, in: tenant.id)])
            return sealed
        }
        let sealed = try vault.seal(key, algorithm: algorithm, keyID: keyID, state: .next, tenant: tenant.id, now: now)
        try await store.replaceNext(
            with: sealed, whileActive: active.keyID, in: tenant.id, also: [Self.imported(sealed, by: administrator, in: tenant.id)])
        if case .active = use {
            let successor = try vault.generate(algorithm, state: .next, tenant: tenant.id, now: now)
            try await store.promote(nextAfter: active.keyID, successor: successor, in: tenant.id)
        }
        return sealed
    }

    private static func imported(_ key: SealedSigningKey, by administrator: Administrator, in tenant: TenantID) -> SQL {
        administrator.event("key.imported", on: "key", key.keyID, [("alg", .string(key.algorithm.rawValue))]).insertion(in: tenant)
    }

    /// Rotates the keys of tenants that want it by age. A key that somebody else rotates at this moment is left alone.
    ///
    /// - Returns: the tenants whose keys were rotated.
    func rotateByAge(tenants: TenantStore) async throws -> [TenantSlug] {
        var rotated: [TenantSlug] = []
        for (id, days) in try await store.rotating() {
            guard let active = try await store.all(in: id).first(where: { $0.state == .active }) else { continue }
            let signsSince = active.activatedAt ?? active.createdAt
            guard signsSince.addingTimeInterval(Double(days) * 86_400) <= now, let tenant = try await tenants.find(.id(id)) else {
                continue
            }
            do {
                _ = try await rotate(tenant, to: nil, immediately: false, by: .system)
                rotated.append(tenant.slug)
            } catch is KeyRotationConflict {
                continue
            }
        }
        return rotated
    }
}
