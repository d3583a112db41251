import OAuth
import ServiceKit
import Synchronization
import Tenancy

/// Tokens that have been verified, by the SHA-256 of their text: a signature is checked once.
///
/// Bounded, never outliving `exp`, and emptied of a tenant's tokens when a key of the tenant is withdrawn.
final class VerifiedTokens: Sendable {
    private let callers: Mutex<BoundedMap<[UInt8], Caller>>

    init(capacity: Int = 20_000) {
        callers = Mutex(BoundedMap(capacity: capacity))
    }

    func find(_ hash: [UInt8], at now: Int64) -> Caller? {
        callers.withLock { callers in
            guard let caller = callers[hash] else { return nil }
            guard caller.claims.expiresAt > now else {
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
