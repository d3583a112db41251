import Cryptography
import FoundationEssentials
import JOSE
import JSON
import ServiceKit
import Tenancy

/// A tenant's keys, ready for use: signers for each type of token, the keys that verify them, and the key set as it is published.
final class KeyRing: Sendable {
    /// Of access tokens (RFC 9068 §2.1).
    let signer: JWSSigner
    /// Of ID tokens and signed UserInfo answers.
    let identitySigner: JWSSigner
    /// Of signed introspection answers (RFC 9701 §5).
    let introspectionSigner: JWSSigner
    /// Of token status lists (draft-ietf-oauth-status-list §5.1).
    let statusListSigner: JWSSigner
    /// Of every key that is published.
    let verificationKeys: JWSVerificationKeys
    /// The JWK Set (RFC 7517 §5) as JSON, with the tenant's id as the additional member `org_id`.
    let keySet: [UInt8]
    /// Strong validator of ``keySet``, quotes included.
    let entityTag: String
    /// When the key that signs began to, in seconds since 1970; nil where that was not written down.
    let activeSince: Int64?
    /// When a retiring key leaves the set, in seconds since 1970.
    let validUntil: Int64

    init(_ keys: [SealedSigningKey], vault: KeyVault, tenant: TenantID, now: Int64) throws {
        let published = keys.filter { $0.isPublished(at: now) }
        guard let active = published.first(where: { $0.state == .active }) else {
            throw StoredDataError("auth.signing_key: tenant \(tenant) has no active key; run: auth-server key rotate")
        }
        let key = try vault.open(active, tenant: tenant)
        activeSince = active.activatedAt.map { Int64($0.timeIntervalSince1970) }
        func signer(_ type: String) throws -> JWSSigner {
            try JWSSigner(key: key, algorithm: active.algorithm, keyID: active.keyID, type: type)
        }
        self.signer = try signer("at+jwt")
        identitySigner = try signer("JWT")
        introspectionSigner = try signer("token-introspection+jwt")
        statusListSigner = try signer("statuslist+jwt")
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.name("keys")
        json.beginArray()
        for key in published { json.raw(Array(key.publicJWK.utf8)) }
        json.endArray()
        // Binds the issuer to the tenant's id, so that a resource server need not believe a token about it.
        json.field("org_id", tenant.description)
        json.endObject()
        keySet = json.bytes
        verificationKeys = JWSVerificationKeys(
            try JWKSet(json: JSONValue(parsing: keySet).objectValue ?? JSONObject())
        )
        entityTag = "\"" + String(Base64URL.encode(Digest.sha256.hash(keySet)).prefix(22)) + "\""
        validUntil = published.compactMap(\.retireAfter).map { Int64($0.timeIntervalSince1970) }.min() ?? .max
    }
}

/// The key rings of all tenants, each made once and dropped when a key of the tenant changes.
struct KeyRings: Sendable {
    private let cache: ReadThroughCache<TenantID, KeyRing>
    private let clock: WallClock

    init(store: KeyStore, vault: KeyVault, clock: WallClock) {
        self.clock = clock
        cache = ReadThroughCache(capacity: 10_000) { tenant in
            let keys = try await store.all(in: tenant)
            return keys.isEmpty ? nil : try KeyRing(keys, vault: vault, tenant: tenant, now: clock.now)
        }
    }

    func require(_ tenant: TenantID) async throws -> KeyRing {
        if let ring = try await cache.value(for: tenant), ring.validUntil > clock.now { return ring }
        cache.invalidate(tenant)
        guard let ring = try await cache.value(for: tenant) else {
            throw StoredDataError("auth.signing_key: tenant \(tenant) has no keys; run: auth-server key rotate")
        }
        return ring
    }
}

extension KeyRings {
    /// Of the keys that sign, as far as they were used since the start: the age of the oldest, in seconds.
    var oldestAge: Int64? { cache.held.compactMap(\.activeSince).min().map { clock.now - $0 } }
}

extension KeyRings: ChangeObserver {
    func changed(_ change: AuthChange) {
        if change.table == .signingKey { cache.invalidate(change.tenant) }
    }

    func notificationsBegan() { cache.notificationsBegan() }
    func notificationsStopped() { cache.notificationsStopped() }
}
