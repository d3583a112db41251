import JOSE
import Logging
import ServiceKit
import Synchronization
import Tenancy

/// The public keys of every tenant whose tokens arrive, each set fetched once and kept.
///
/// - A set is refreshed after `freshness`; requests do not wait for that, and go on with the keys they know when it fails.
/// - A key id that is not in the set causes one fetch, and the next such fetch for the tenant only after `refetchInterval`.
/// - Tenants never heard of share a budget of fetches, so that invented ones cannot make this a flood.
final class KeySets: Sendable {
    struct Limits: Sendable {
        var freshness: Duration = .seconds(300)
        var refetchInterval: Duration = .seconds(5)
        /// Known keys are used for so long when the authorization server cannot be reached.
        var maximumAge: Duration = .seconds(86_400)
        var tenants = 10_000
        var unknownTenantsPerSecond = 20
    }

    private struct Entry {
        var keys: TenantKeys?
        var fetchedAt: ContinuousClock.Instant
        var attemptedAt: ContinuousClock.Instant
    }

    private struct State {
        var entries: BoundedMap<TenantSlug, Entry>
        var fetches: [TenantSlug: Task<TenantKeys?, any Error>] = [:]
        var budget: Double
        var budgetAt: ContinuousClock.Instant = .now
    }

    private let source: any KeySetSource
    private let limits: Limits
    private let logger: Logger
    private let state: Mutex<State>
    private let changed: @Sendable (TenantSlug) -> Void

    /// - Parameter changed: called when a key has left a tenant's set: what was verified with it must be verified again.
    init(
        source: any KeySetSource, limits: Limits = Limits(), logger: Logger, changed: @escaping @Sendable (TenantSlug) -> Void = { _ in }
    ) {
        self.source = source
        self.limits = limits
        self.logger = logger
        self.changed = changed
        state = Mutex(State(entries: BoundedMap(capacity: limits.tenants), budget: Double(limits.unknownTenantsPerSecond)))
    }

    /// The tenant's keys, refreshed where `keyID` is not among them.
    ///
    /// - Returns: nil where the tenant has no keys.
    /// - Throws: ``KeysUnknown`` when the authorization server cannot be asked and nothing is known.
    func keys(of tenant: TenantSlug, containing keyID: String?) async throws -> TenantKeys? {
        enum Decision {
            case use(TenantKeys?)
            case wait(Task<TenantKeys?, any Error>, fallback: TenantKeys?)
            case refuse
        }
        let decision: Decision = state.withLock { state in
            let now = ContinuousClock.now
            let entry = state.entries[tenant]
            let known = entry.flatMap { $0.fetchedAt.duration(to: now) < limits.maximumAge ? $0.keys : nil }
            let hasKey = known.map { known in keyID.map { known.keys[$0] != nil } ?? true } ?? false
            let isFresh = entry.map { $0.fetchedAt.duration(to: now) < limits.freshness } ?? false
            let mayAsk = entry.map { $0.attemptedAt.duration(to: now) >= limits.refetchInterval } ?? true

            if hasKey {
                if !isFresh, mayAsk { _ = startFetch(tenant, &state, now) }
                return .use(known)
            }
            if let running = state.fetches[tenant] { return .wait(running, fallback: known) }
            guard mayAsk else { return entry?.keys == nil && !isFresh ? .refuse : .use(known) }
            if entry == nil, !spendBudget(&state, now) { return .refuse }
            return .wait(startFetch(tenant, &state, now), fallback: known)
        }
        switch decision {
        case .use(let keys): return keys
        case .refuse: throw KeysUnknown()
        case .wait(let task, let fallback):
            do {
                return try await task.value
            } catch {
                guard let fallback else { throw KeysUnknown() }
                return fallback
            }
        }
    }

    private func startFetch(_ tenant: TenantSlug, _ state: inout State, _ now: ContinuousClock.Instant) -> Task<TenantKeys?, any Error> {
        if let running = state.fetches[tenant] { return running }
        if var entry = state.entries[tenant] {
            entry.attemptedAt = now
            state.entries[tenant] = entry
        }
        // Shared by every request that needs it, so no one request's cancellation ends it; the source has a deadline.
        let task = Task { try await self.fetch(tenant) }
        state.fetches[tenant] = task
        return task
    }

    private func fetch(_ tenant: TenantSlug) async throws -> TenantKeys? {
        do {
            let keys = try await source.fetch(tenant)
            let hasLostKeys = state.withLock { state in
                let now = ContinuousClock.now
                let before = state.entries[tenant]?.keys?.keys.keys.compactMap(\.keyID) ?? []
                let after = Set(keys?.keys.keys.compactMap(\.keyID) ?? [])
                state.entries[tenant] = Entry(keys: keys, fetchedAt: now, attemptedAt: now)
                state.fetches[tenant] = nil
                return !after.isSuperset(of: before)
            }
            if hasLostKeys { changed(tenant) }
            return keys
        } catch {
            state.withLock { state in
                let now = ContinuousClock.now
                var entry = state.entries[tenant] ?? Entry(keys: nil, fetchedAt: now.advanced(by: .zero - limits.maximumAge), attemptedAt: now)
                entry.attemptedAt = now
                state.entries[tenant] = entry
                state.fetches[tenant] = nil
            }
            logger.warning("key set not fetched", metadata: ["tenant": .string(tenant.rawValue), "error": .string("\(error)")])
            throw error
        }
    }

    /// A token bucket that fills with `unknownTenantsPerSecond`.
    private func spendBudget(_ state: inout State, _ now: ContinuousClock.Instant) -> Bool {
        let (seconds, attoseconds) = state.budgetAt.duration(to: now).components
        let elapsed = Double(seconds) + Double(attoseconds) / 1e18
        let limit = Double(limits.unknownTenantsPerSecond)
        state.budget = min(limit, state.budget + elapsed * limit)
        state.budgetAt = now
        guard state.budget >= 1 else { return false }
        state.budget -= 1
        return true
    }
}

/// Nothing is known about a tenant's keys and the authorization server cannot be asked now: answered 503, never a guess.
struct KeysUnknown: Error {}
