import ServiceKit
import Tenancy

/// How many fetches may be spent on tenants without known keys, most of which are likely to be invented.
///
/// Whether a name is real cannot be told before asking, so names heard for the first time share one bucket of tokens, and names that were
/// refused before share another. Whoever makes up a new name for each request empties the first bucket only: a real tenant's next request
/// finds its name remembered, and the second bucket full. A flood that says each name twice can still delay a tenant's first fetch, but
/// not more: names that turned out not to exist are answered from memory, and a tenant once found needs no budget any more.
struct FetchBudget {
    private var newNames: TokenBucket
    private var returningNames: TokenBucket
    private var refused: BoundedMap<TenantSlug, Void>

    /// - Parameter perSecond: the fetches of either kind.
    init(perSecond: Int, remembered: Int, now: ContinuousClock.Instant) {
        newNames = TokenBucket(perSecond: perSecond, now: now)
        returningNames = TokenBucket(perSecond: perSecond, now: now)
        refused = BoundedMap(capacity: remembered)
    }

    /// - Returns: whether the fetch may be made; if not, the name is remembered.
    mutating func spend(on tenant: TenantSlug, at now: ContinuousClock.Instant) -> Bool {
        let isReturning = refused[tenant] != nil
        let isGranted = newNames.take(at: now) || (isReturning && returningNames.take(at: now))
        refused[tenant] = isGranted ? nil : ()
        return isGranted
    }
}

/// Holds what comes in within one second.
private struct TokenBucket {
    private let perSecond: Double
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    init(perSecond: Int, now: ContinuousClock.Instant) {
        self.perSecond = Double(perSecond)
        tokens = Double(perSecond)
        filledAt = now
    }

    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        tokens = min(perSecond, tokens + filledAt.duration(to: now) / .seconds(1) * perSecond)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
