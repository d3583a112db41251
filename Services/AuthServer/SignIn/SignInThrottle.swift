import Postgres
import ServiceKit

/// Slows down guessing: every attempt is counted before it is looked at, and a right one is taken back.
struct SignInThrottle: Sendable {
    enum Decision: Sendable {
        case allowed(Attempt)
        /// Nothing was counted.
        case blocked(retryAfterSeconds: Int)
    }

    /// An attempt that was counted.
    struct Attempt: Sendable {
        fileprivate let keys: [ThrottleKey]
        fileprivate let counters: [SignInThrottleStore.Counter]
        /// For how long the next one is refused if this one fails; 0 while attempts are free.
        let delaySeconds: Int
    }

    /// Counters that nobody has touched for this long are forgotten.
    static let memorySeconds: Int64 = 2 * 86_400

    let store: SignInThrottleStore
    let clock: WallClock

    init(database: Postgres, clock: WallClock) {
        store = SignInThrottleStore(database: database)
        self.clock = clock
    }

    func begin(email: String, from source: SignInSource) async throws -> Decision {
        try await begin(source.keys(email: email))
    }

    func begin(_ keys: [ThrottleKey]) async throws -> Decision {
        let now = clock.now
        let (isBlocked, counters) = try await store.count(keys, now: now)
        let delay = Int(max(0, (counters.map(\.blockedUntil).max() ?? now) - now))
        return isBlocked
            ? .blocked(retryAfterSeconds: max(1, delay)) : .allowed(Attempt(keys: keys, counters: counters, delaySeconds: delay))
    }

    /// It was right: what is particular to the account is forgiven, what others share gets only this attempt back.
    func succeed(_ attempt: Attempt) async throws {
        let shared = attempt.keys.filter(\.isShared)
        let hashes = shared.map(\.hash)
        try await store.clear(
            attempt.keys.filter { !shared.contains($0) }, kept: attempt.counters.filter { hashes.contains($0.hash) }
        )
    }

    /// It was not looked at after all: nothing is forgiven, and nothing held against anybody.
    func withdraw(_ attempt: Attempt) async throws {
        try await store.clear([], kept: attempt.counters)
    }

    /// For the daily housekeeping.
    func forgetOldCounters() async throws {
        _ = try await store.forget(before: clock.now - Self.memorySeconds)
    }
}
