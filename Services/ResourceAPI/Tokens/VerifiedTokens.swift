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

    private struct State {
        var callers: BoundedMap<[UInt8], Caller>
        var uses = CacheUses()
    }

    private let state: Mutex<State>

    init(capacity: Int = 20_000) {
        state = Mutex(State(callers: BoundedMap(capacity: capacity)))
    }

    func find(_ hash: [UInt8], at now: Int64) -> Caller? {
        state.withLock { state in
            let caller = Self.find(hash, at: now, in: &state.callers)
            state.uses.count(isHit: caller != nil)
            return caller
        }
    }

    /// As ``find(_:at:)``, but it is no use of the token.
    func peek(_ hash: [UInt8], at now: Int64) -> Caller? {
        state.withLock { Self.find(hash, at: now, in: &$0.callers) }
    }

    private static func find(_ hash: [UInt8], at now: Int64, in callers: inout BoundedMap<[UInt8], Caller>) -> Caller? {
        guard let caller = callers[hash] else { return nil }
        guard caller.claims.expiresAt > now, caller.verifiedAt + maximumAgeSeconds > now else {
            callers[hash] = nil
            return nil
        }
        return caller
    }

    /// How many are remembered, and how often one was found.
    var uses: CacheUses {
        state.withLock { state in
            var uses = state.uses
            (uses.entries, uses.capacity) = (state.callers.count, state.callers.capacity)
            return uses
        }
    }

    func insert(_ caller: Caller, for hash: [UInt8]) {
        state.withLock { $0.callers[hash] = caller }
    }

    func removeAll(of tenant: TenantSlug) {
        state.withLock { state in state.callers.removeAll { _, caller in caller.claims.tenant == tenant } }
    }
}
