import JOSE
import JSON
import Logging
import ServiceKit
import Synchronization

/// The key sets of clients: those that are registered, read once, and those that clients publish, fetched and kept for a while.
///
/// - A published set is fetched again after `freshness`; when that fails it goes on for `maximumAge`.
/// - A key that is not in the set causes one fetch. Whatever the reason, one URI is not asked again within `refetchInterval`.
/// - Nobody waits for another client's fetch, but `fetches` bounds how many go on at once.
final class ClientKeySets: Sendable {
    struct Limits: Sendable {
        var freshness: Duration = .seconds(600)
        var refetchInterval: Duration = .seconds(30)
        var maximumAge: Duration = .seconds(3600)
        var sets = 1000
        var fetches = 64
    }

    private struct Entry {
        /// Nil where the last fetch failed and none succeeded before.
        var keys: ClientKeySet?
        var fetchedAt: ContinuousClock.Instant
        var attemptedAt: ContinuousClock.Instant
    }

    private struct State {
        var registered: BoundedMap<ExactString, ClientKeySet>
        var published: BoundedMap<KeySetURI, Entry>
        var fetches: [KeySetURI: Task<ClientKeySet?, Never>] = [:]
    }

    private enum Decision {
        case use(JWSVerificationKey?)
        case wait(Task<ClientKeySet?, Never>)
    }

    private let source: any ClientKeySource
    private let limits: Limits
    private let logger: Logger
    private let state: Mutex<State>

    init(source: any ClientKeySource, limits: Limits = Limits(), logger: Logger) {
        self.source = source
        self.limits = limits
        self.logger = logger
        state = Mutex(State(registered: BoundedMap(capacity: limits.sets), published: BoundedMap(capacity: limits.sets)))
    }

    /// - Parameter text: of a client's `jwks`; a set that cannot be read has no keys.
    func registered(_ text: String) -> ClientKeySet {
        if let known = state.withLock({ $0.registered[ExactString(text)] }) { return known }
        let set = ClientKeySet((try? JWKSet(parsing: Array(text.utf8))) ?? JWKSet([]))
        state.withLock { $0.registered[ExactString(text)] = set }
        return set
    }

    /// The key at a client's `jwks_uri`; nil where it is not there, or where that cannot be told now.
    func key(_ keyID: String?, for algorithm: JWSAlgorithm, at uri: KeySetURI) async throws -> JWSVerificationKey? {
        let decision = state.withLock { state in decide(keyID, algorithm, uri, &state, .now) }
        return switch decision {
        case .use(let key): key
        case .wait(let task): await task.value?.key(keyID, for: algorithm)
        }
    }

    private func decide(
        _ keyID: String?, _ algorithm: JWSAlgorithm, _ uri: KeySetURI, _ state: inout State, _ now: ContinuousClock.Instant
    ) -> Decision {
        let entry = state.published[uri]
        let age = entry.map { $0.fetchedAt.duration(to: now) } ?? .zero
        let key = age < limits.maximumAge ? entry?.keys?.key(keyID, for: algorithm) : nil
        if key != nil, age < limits.freshness { return .use(key) }
        if let running = state.fetches[uri] { return .wait(running) }
        let mayAsk = entry.map { $0.attemptedAt.duration(to: now) >= limits.refetchInterval } ?? true
        guard mayAsk, state.fetches.count < limits.fetches else { return .use(key) }
        // Shared by every request that needs it, so no one request's cancellation ends it; the source has a deadline.
        let task = Task { await self.fetch(uri) }
        state.fetches[uri] = task
        return .wait(task)
    }

    /// - Returns: the keys to go on with, those from before where the fetch failed.
    private func fetch(_ uri: KeySetURI) async -> ClientKeySet? {
        let found: ClientKeySet?
        do {
            found = ClientKeySet(try await source.fetch(uri))
        } catch {
            logger.warning("client keys not fetched", metadata: ["uri": .string(uri.text), "error": .string("\(error)")])
            found = nil
        }
        return state.withLock { state in
            let now = ContinuousClock.now
            let before = state.published[uri]
            let entry = Entry(keys: found ?? before?.keys, fetchedAt: found == nil ? before?.fetchedAt ?? now : now, attemptedAt: now)
            state.published[uri] = entry
            state.fetches[uri] = nil
            return entry.fetchedAt.duration(to: now) < limits.maximumAge ? entry.keys : nil
        }
    }
}
