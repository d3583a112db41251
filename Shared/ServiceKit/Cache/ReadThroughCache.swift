internal import Synchronization

/// Remembers what a database look-up returned, absence included, until a notification says that it changed.
///
/// - Concurrent requests for one missing key share one load.
/// - What was being loaded when an invalidation came is handed to those who already waited, and not kept.
/// - While the source of notifications is not connected nothing new is kept, and what is held is served for `grace` only:
///   a lost connection must not let a disabled client live on.
public final class ReadThroughCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Load {
        let number: UInt64
        let task: Task<Value?, any Error>
    }

    private struct State {
        var values: BoundedMap<Key, Value?>
        var loads: [Key: Load] = [:]
        var loadCount: UInt64 = 0
        var isNotified = false
        var trustedUntil: ContinuousClock.Instant?
    }

    private enum Found: Sendable {
        case value(Value?)
        case loading(Task<Value?, any Error>)
    }

    private let state: Mutex<State>
    private let grace: Duration
    private let source: @Sendable (Key) async throws -> Value?

    public init(capacity: Int, grace: Duration = .seconds(1), load: @escaping @Sendable (Key) async throws -> Value?) {
        state = Mutex(State(values: BoundedMap(capacity: capacity)))
        self.grace = grace
        source = load
    }

    /// The value of `key`, or nil where the database has none.
    public func value(for key: Key) async throws -> Value? {
        if let known = remembered(key) { return known }
        return try await load(key)
    }

    /// What is remembered of `key`: nil where nothing is, `.some(nil)` where it is known to be absent.
    public func remembered(_ key: Key) -> Value?? {
        state.withLock { state in Self.remembered(key, &state) }
    }

    /// Everything that is there and held, in no order.
    public var held: [Value] { state.withLock { $0.values.values.compactMap(\.self) } }

    private static func remembered(_ key: Key, _ state: inout State) -> Value?? {
        guard state.isNotified || state.trustedUntil.map({ .now < $0 }) ?? false else { return nil }
        return state.values[key]
    }

    private func load(_ key: Key) async throws -> Value? {
        let found: Found = state.withLock { state in
            if let value = Self.remembered(key, &state) { return .value(value) }
            if let running = state.loads[key] { return .loading(running.task) }
            state.loadCount += 1
            let number = state.loadCount
            // Not a child of the request: others may be waiting for it when the request is cancelled.
            let task = Task { try await self.loadAndKeep(key, number) }
            state.loads[key] = Load(number: number, task: task)
            return .loading(task)
        }
        switch found {
        case .value(let value): return value
        case .loading(let task): return try await task.value
        }
    }

    private func loadAndKeep(_ key: Key, _ number: UInt64) async throws -> Value? {
        let result: Result<Value?, any Error>
        do {
            result = .success(try await source(key))
        } catch {
            result = .failure(error)
        }
        state.withLock { state in
            guard state.loads[key]?.number == number else { return }
            state.loads[key] = nil
            if case .success(let value) = result, state.isNotified { state.values[key] = .some(value) }
        }
        return try result.get()
    }

    public func invalidate(_ key: Key) {
        state.withLock { state in
            state.values[key] = nil
            state.loads[key] = nil
        }
    }

    public func invalidate(where isChanged: @Sendable (Key) -> Bool) {
        state.withLock { state in
            state.values.removeAll { key, _ in isChanged(key) }
            for key in state.loads.keys.filter(isChanged) { state.loads[key] = nil }
        }
    }

    /// Notifications arrive from now on; whatever was missed before is forgotten.
    public func notificationsBegan() {
        state.withLock { state in
            state.values.removeAll()
            state.loads.removeAll()
            state.isNotified = true
            state.trustedUntil = nil
        }
    }

    /// Notifications may be missed from now on.
    public func notificationsStopped() {
        state.withLock { state in
            guard state.isNotified else { return }
            state.isNotified = false
            state.trustedUntil = .now.advanced(by: grace)
        }
    }
}
