import JOSE
import Logging
import ServiceKit
import Synchronization
import Tenancy

/// The public keys of every tenant whose tokens arrive, each set fetched once and kept.
///
/// - A set is refreshed after `freshness`; requests do not wait for that, and go on with the keys they know when it fails.
/// - A key id that is not in the set causes one fetch, and the next such fetch for the tenant only after `refetchInterval`.
/// - Tenants without known keys are asked for within a ``FetchBudget``, each time; one that does not exist, not again for `absenceInterval`.
///   They are remembered apart, so that invented ones neither make this a flood nor displace real ones.
final class KeySets: Sendable {
    struct Limits: Sendable {
        var freshness: Duration = .seconds(300)
        var refetchInterval: Duration = .seconds(5)
        /// A tenant that does not exist, or is disabled, is taken for that so long.
        var absenceInterval: Duration = .seconds(60)
        /// Known keys are used for so long when the authorization server cannot be reached.
        var maximumAge: Duration = .seconds(86_400)
        var tenants = 10_000
        /// Names remembered because nothing is known about them.
        var unknownTenants = 4_096
        var unknownTenantsPerSecond = 200
    }

    private struct Entry {
        var keys: TenantKeys
        var fetchedAt: ContinuousClock.Instant
        var attemptedAt: ContinuousClock.Instant
    }

    /// Why a tenant has no entry.
    private struct Absence {
        /// Whether the authorization server said so; otherwise it could not be asked.
        var isCertain: Bool
        var attemptedAt: ContinuousClock.Instant
    }

    private struct State {
        var entries: BoundedMap<TenantSlug, Entry>
        var absences: BoundedMap<TenantSlug, Absence>
        var fetches: [TenantSlug: Task<TenantKeys?, any Error>] = [:]
        var budget: FetchBudget
    }

    private enum Decision {
        case use(TenantKeys?)
        case wait(Task<TenantKeys?, any Error>, fallback: TenantKeys?)
        case refuse
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
        state = Mutex(
            State(
                entries: BoundedMap(capacity: limits.tenants), absences: BoundedMap(capacity: limits.unknownTenants),
                budget: FetchBudget(perSecond: limits.unknownTenantsPerSecond, remembered: limits.unknownTenants, now: .now)))
    }

    /// The tenant's keys, refreshed where `keyID` is not among them.
    ///
    /// - Returns: nil where the tenant has no keys.
    /// - Throws: ``KeysUnknown`` when the authorization server cannot be asked and nothing is known.
    func keys(of tenant: TenantSlug, containing keyID: String?) async throws -> TenantKeys? {
        let decision = state.withLock { state in
            let now = ContinuousClock.now
            guard let entry = state.entries[tenant] else { return decideUnknown(tenant, &state, now) }
            return decide(tenant, entry, containing: keyID, &state, now)
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

    private func decide(
        _ tenant: TenantSlug, _ entry: Entry, containing keyID: String?, _ state: inout State, _ now: ContinuousClock.Instant
    ) -> Decision {
        let age = entry.fetchedAt.duration(to: now)
        let known = age < limits.maximumAge ? entry.keys : nil
        let mayAsk = entry.attemptedAt.duration(to: now) >= limits.refetchInterval
        if let known, keyID.map({ known.keys[$0] != nil }) ?? true {
            if age >= limits.freshness, mayAsk { _ = startFetch(tenant, &state, now) }
            return .use(known)
        }
        if let running = state.fetches[tenant] { return .wait(running, fallback: known) }
        if mayAsk { return .wait(startFetch(tenant, &state, now), fallback: known) }
        return known.map { .use($0) } ?? .refuse
    }

    private func decideUnknown(_ tenant: TenantSlug, _ state: inout State, _ now: ContinuousClock.Instant) -> Decision {
        if let running = state.fetches[tenant] { return .wait(running, fallback: nil) }
        if let absence = state.absences[tenant] {
            let interval = absence.isCertain ? limits.absenceInterval : limits.refetchInterval
            if absence.attemptedAt.duration(to: now) < interval { return absence.isCertain ? .use(nil) : .refuse }
        }
        guard state.budget.spend(on: tenant, at: now) else { return .refuse }
        return .wait(startFetch(tenant, &state, now), fallback: nil)
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
                let before = state.entries[tenant]?.keys.keys.keys.compactMap(\.keyID) ?? []
                let after = Set(keys?.keys.keys.compactMap(\.keyID) ?? [])
                state.entries[tenant] = keys.map { Entry(keys: $0, fetchedAt: now, attemptedAt: now) }
                state.absences[tenant] = keys == nil ? Absence(isCertain: true, attemptedAt: now) : nil
                state.fetches[tenant] = nil
                return !after.isSuperset(of: before)
            }
            if hasLostKeys { changed(tenant) }
            return keys
        } catch {
            state.withLock { state in
                let now = ContinuousClock.now
                if var entry = state.entries[tenant] {
                    entry.attemptedAt = now
                    state.entries[tenant] = entry
                } else {
                    state.absences[tenant] = Absence(isCertain: false, attemptedAt: now)
                }
                state.fetches[tenant] = nil
            }
            logger.warning("key set not fetched", metadata: ["tenant": .string(tenant.rawValue), "error": .string("\(error)")])
            throw error
        }
    }
}

/// Nothing is known about a tenant's keys and the authorization server cannot be asked now: answered 503, never a guess.
struct KeysUnknown: Error {}
