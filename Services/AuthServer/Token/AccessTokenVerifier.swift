import Cryptography
import JOSE
import OAuth
import Revocation
import ServiceKit
import Synchronization
import Tenancy

/// Decides whether an access token is one of ours and good now: signature, tenant, time, revocations. Asks no database.
final class AccessTokenVerifier: Sendable {
    static let maximumBytes = 8192
    /// How wrong a clock may be, in seconds: to an instance whose clock is right, a token that is expired here may be good for as long.
    private static let clockTolerance: Int64 = 7200
    /// How far ahead the clock that issued the token may be, in seconds: as much as the resource API allows.
    private static let leeway: Int64 = 5

    /// A token whose signature was good, with what is made of it once.
    final class Verified: Sendable {
        let claims: AccessTokenClaims
        /// The members of its introspection answer (RFC 7662 §2.2), as JSON.
        let introspection: [UInt8]
        fileprivate let revocable: RevocableToken

        fileprivate init(_ claims: AccessTokenClaims) {
            self.claims = claims
            introspection = claims.introspection
            revocable = RevocableToken(claims)
        }
    }

    private static let verifier = JWSVerifier(expectedTypes: [AccessTokenCodec.type], maximumBytes: maximumBytes)

    private let issuers: Issuers
    private let keys: KeyRings
    private let revocations: RevocationIndex
    private let clock: WallClock
    /// By SHA-256: a signature is checked once.
    private let verified: Mutex<BoundedMap<[UInt8], Verified>>

    init(issuers: Issuers, keys: KeyRings, revocations: RevocationIndex, clock: WallClock, capacity: Int = 10_000) {
        self.issuers = issuers
        self.keys = keys
        self.revocations = revocations
        self.clock = clock
        verified = Mutex(BoundedMap(capacity: capacity))
    }

    /// - Returns: nil for a token that is not ours, another tenant's, expired or revoked.
    /// - Throws: `temporarily_unavailable` while it cannot be known what has been revoked.
    func verify(_ token: [UInt8], tenant: Tenant) async throws -> AccessTokenClaims? {
        try await find(token, tenant: tenant)?.claims
    }

    /// As ``verify(_:tenant:)``, with the introspection answer.
    func find(_ token: [UInt8], tenant: Tenant) async throws -> Verified? {
        guard let found = try await recognize(token, tenant: tenant) else { return nil }
        // After whatever was awaited.
        switch revocations.verdict(on: found.revocable) {
        case .stands: return found
        case .revoked: return nil
        case .unknown: throw OAuthError(.temporarilyUnavailable, "revocations are not known at the moment")
        }
    }

    /// A token that is ours, for those who want to revoke it: whether it stands need not be known, and another clock might not call it expired.
    ///
    /// - Returns: nil if it is known to be revoked.
    func findRevocable(_ token: [UInt8], tenant: Tenant) async throws -> AccessTokenClaims? {
        guard let found = try await recognize(token, tenant: tenant, tolerance: Self.clockTolerance), !revocations.revokes(found.revocable)
        else { return nil }
        return found.claims
    }

    /// - Parameter tolerance: for how many seconds it may have been expired, or how far ahead it may have been issued.
    private func recognize(_ token: [UInt8], tenant: Tenant, tolerance: Int64 = 0) async throws -> Verified? {
        guard token.count <= Self.maximumBytes else { return nil }
        let hash = SHA256.hash(token)
        var found = verified.withLock { $0[hash] }
        if found == nil {
            found = try await check(token, tenant: tenant)
            if let found, token.count <= 4096 { verified.withLock { $0[hash] = found } }
        }
        guard let found, found.claims.tenantID == tenant.id, found.claims.expiresAt > clock.now - tolerance,
            found.claims.issuedAt <= clock.now + Self.leeway + tolerance
        else {
            return nil
        }
        return found
    }

    private func check(_ token: [UInt8], tenant: Tenant) async throws -> Verified? {
        let ring = try await keys.require(tenant.id)
        guard let jws = try? Self.verifier.verify(compact: token, keys: ring.verificationKeys),
            let jwt = try? JWTClaims(payload: jws.payload), let claims = try? AccessTokenCodec.claims(jwt),
            claims.tenantID == tenant.id, claims.issuer.utf8.elementsEqual(issuers.issuer(of: tenant.slug).utf8)
        else { return nil }
        return Verified(claims)
    }
}

extension AccessTokenVerifier: ChangeObserver {
    func changed(_ change: AuthChange) {
        guard change.table == .signingKey else { return }
        verified.withLock { verified in verified.removeAll { _, token in token.claims.tenantID == change.tenant } }
    }

    func notificationsBegan() { verified.withLock { $0.removeAll() } }
    func notificationsStopped() { verified.withLock { $0.removeAll() } }
}
