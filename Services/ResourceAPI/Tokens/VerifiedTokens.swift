import OAuth
import ServiceKit
import Synchronization
import Tenancy

/// Tokens that have been verified, by the SHA-256 of their text: a signature is checked once.
///
/// Bounded, never outliving `exp`, and emptied of a tenant's tokens when a key of the tenant is withdrawn. Even without that a token is
/// verified anew after ``maximumAgeSeconds``, so that a withdrawn key or a disabled tenant is noticed.
final class VerifiedTokens: Sendable {
    static let maximumAgeSeconds: Int64 = 300
    /// Larger tokens are verified each time: what is remembered has a bounded size.
    static let maximumTokenBytes = 4096

    private let callers: Mutex<BoundedMap<[UInt8], Caller>>

    init(capacity: Int = 20_000) {
        callers = Mutex(BoundedMap(capacity: capacity))
    }

    func find(_ hash: [UInt8], at now: Int64) -> Caller? {
        callers.withLock { callers in
            guard let caller = callers[hash] else { return nil }
            guard caller.claims.expiresAt > now, caller.verifiedAt + Self.maximumAgeSeconds > now else {
                callers[hash] = nil
                return nil
            }
            return caller
        }
    }

    func insert(_ caller: Caller, for hash: [UInt8]) {
        callers.withLock { $0[hash] = caller }
    }

    func removeAll(of tenant: TenantSlug) {
        callers.withLock { callers in callers.removeAll { _, caller in caller.claims.tenant == tenant } }
    }
}
