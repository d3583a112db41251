import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// The engine for the catalog as it is now: read at start, read again when a change is announced, or found by looking for one.
///
/// A new catalog is built aside and swapped in; requests under way finish with the one they began with. A catalog that reads as before
/// leaves the engine, with all it has planned, in place.
final class LiveCatalog: Service {
    static let channel = "sallyport_catalog"
    /// Requests cause a reading at most this often, whoever asks, unless something has changed.
    private static let requestInterval: Duration = .seconds(1)
    /// Requests look for changes at most this often.
    private static let lookInterval: Duration = .milliseconds(100)
    private static let shortestPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(5)

    private struct State {
        var engine: ResourceEngine?
        var reload: Task<ResourceEngine, any Error>?
        /// When the last reading began, whether or not it succeeded.
        var attemptedAt: ContinuousClock.Instant?
        /// Something changed that no reading begun so far is certain to have seen.
        var isOutdated = false
        /// What the database's fingerprint was before the last reading that succeeded.
        var fingerprint: String?
        /// A look for changes that has not begun.
        var nextLook: Task<Bool, any Error>?
        var lookedAt: ContinuousClock.Instant?
    }

    private let maximumRows: Int
    private let allowsRollback: Bool
    private let allowsAggregates: Bool
    private let events: PostgresEvents
    private let requestInterval: Duration
    private let logger: Logger
    private let read: @Sendable () async throws -> Catalog
    private let fingerprint: Fingerprint?
    private let state = Mutex(State())

    /// How changes are found that nobody announces.
    struct Fingerprint: Sendable {
        /// Between two looks of its own; zero to look only for requests.
        let interval: Duration
        /// Reads a text that differs after every change.
        let read: @Sendable () async throws -> String
    }

    /// - Parameters:
    ///   - read: reads the catalog from the database.
    ///   - fingerprint: nil to rely on announcements alone.
    init(
        maximumRows: Int, allowsRollback: Bool = false, allowsAggregates: Bool = true, events: PostgresEvents,
        requestInterval: Duration = LiveCatalog.requestInterval, logger: Logger, fingerprint: Fingerprint? = nil,
        read: @escaping @Sendable () async throws -> Catalog
    ) {
        self.maximumRows = maximumRows
        self.allowsRollback = allowsRollback
        self.allowsAggregates = allowsAggregates
        self.events = events
        self.requestInterval = requestInterval
        self.logger = logger
        self.fingerprint = fingerprint
        self.read = read
    }

    /// - Parameter pollInterval: how often to look for changes that nobody announces; zero for never.
    convenience init(
        store: CatalogStore, maximumRows: Int, allowsRollback: Bool, allowsAggregates: Bool, pollInterval: Duration, postgres: Postgres,
        listener: PostgresListener, logger: Logger
    ) {
        self.init(
            maximumRows: maximumRows, allowsRollback: allowsRollback, allowsAggregates: allowsAggregates, events: listener.events,
            logger: logger, fingerprint: Fingerprint(interval: pollInterval) { try await store.fingerprint(from: postgres) }
        ) { try await store.load(from: postgres) }
    }

    var engine: ResourceEngine? { state.withLock { $0.engine } }

    /// Reads at once, whenever announcements begin, which is also after each reconnection, and after each announcement; what fails is
    /// tried again until it succeeds. Announcements during a reading are answered by one more.
    func run() async throws {
        let (wishes, wish) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        wish.yield()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in wishes { await self.readUntilCurrent() } }
            if let fingerprint, fingerprint.interval > .zero { group.addTask { await self.poll(fingerprint, wish) } }
            for await event in events.cancelOnGracefulShutdown() where event != .disconnected {
                state.withLock { $0.isOutdated = true }
                wish.yield()
            }
            group.cancelAll()
            state.withLock { $0.reload }?.cancel()
        }
    }

    /// A failure is the readings' to report.
    private func poll(_ fingerprint: Fingerprint, _ wish: AsyncStream<Void>.Continuation) async {
        while (try? await Task.sleep(for: fingerprint.interval)) != nil {
            guard let current = try? await fingerprint.read() else { continue }
            let isNews = state.withLock { state in
                guard state.reload == nil, state.engine != nil, state.fingerprint != current else { return false }
                state.isOutdated = true
                return true
            }
            if isNews { wish.yield() }
        }
    }

    private func readUntilCurrent() async {
        var pause = Self.shortestPause
        repeat {
            do {
                _ = try await reload()
                pause = Self.shortestPause
            } catch {
                if Task.isCancelled { return }
                state.withLock { $0.isOutdated = true }
                logger.error("catalog not read", metadata: ["error": .string(describe(error))])
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            }
        } while !Task.isCancelled && state.withLock { $0.isOutdated }
    }

    /// For a request that names what the engine does not know. What was made before the request came is found.
    ///
    /// - Parameter used: the engine that prepared the request.
    /// - Returns: the engine that takes its place; nil where the database has nothing newer.
    func reloadForUnknownName(_ used: ResourceEngine) async throws -> ResourceEngine? {
        let (current, running, isRecent) = state.withLock { state in
            (state.engine, state.reload, state.attemptedAt.map { $0.duration(to: .now) < requestInterval } ?? false)
        }
        if let current, current !== used { return current }
        if running != nil || !isRecent {
            let engine = try await reload()
            if engine !== used { return engine }
        }
        // A reading that was under way may have missed what was made since it began.
        guard running != nil || isRecent, let fingerprint, try await look(fingerprint) else { return nil }
        let engine = try await reload()
        return engine === used ? nil : engine
    }

    /// Whether something has changed since the last reading began: one look for all who ask before it begins.
    private func look(_ fingerprint: Fingerprint) async throws -> Bool {
        let task = state.withLock { state in
            if let waiting = state.nextLook { return waiting }
            let due = state.lookedAt.map { $0 + Self.lookInterval } ?? .now
            let task = Task {
                try await Task.sleep(until: due, clock: .continuous)
                self.state.withLock { state in
                    state.nextLook = nil
                    state.lookedAt = .now
                }
                let seen = try await fingerprint.read()
                return self.state.withLock { $0.fingerprint != seen }
            }
            state.nextLook = task
            return task
        }
        return try await task.value
    }

    /// For a request that the database refused because it no longer has what the catalog says (``APIError/suggestsStaleCatalog``).
    /// As seldom as for unknown names; a failure is not the request's and only ends the attempt.
    ///
    /// - Parameter used: the engine that prepared the request.
    /// - Returns: the engine that takes its place; nil where the database has nothing newer.
    @discardableResult
    func reloadBecauseStale(_ used: ResourceEngine) async -> ResourceEngine? {
        do {
            return try await reloadForUnknownName(used)
        } catch {
            logger.error("catalog not read", metadata: ["error": .string(describe(error))])
            return nil
        }
    }

    func require() async throws -> ResourceEngine {
        if let engine { return engine }
        return try await reload()
    }

    private func reload() async throws -> ResourceEngine {
        let task = state.withLock { state in
            if let running = state.reload { return running }
            state.attemptedAt = .now
            state.isOutdated = false
            // Shared by all who wait for it, so no one request's cancellation ends it; the end of `run()` does.
            let task = Task { try await self.load() }
            state.reload = task
            return task
        }
        return try await task.value
    }

    private func load() async throws -> ResourceEngine {
        do {
            // First: what changes meanwhile is found next time.
            let seen = try await fingerprint?.read()
            let catalog = try await read()
            // Only one reading is under way at a time, so nobody else replaces the engine meanwhile.
            let previous = engine
            let same = previous.flatMap { $0.catalog.isIdentical(to: catalog) ? $0 : nil }
            let current =
                same
                ?? ResourceEngine(
                    catalog: catalog, maximumRows: maximumRows, allowsRollback: allowsRollback, allowsAggregates: allowsAggregates)
            state.withLock { state in
                state.engine = current
                state.reload = nil
                state.fingerprint = seen
            }
            for refusal in catalog.refusals where !(previous?.catalog.refusals.contains(refusal) ?? false) {
                logger.warning(
                    "table not exposed",
                    metadata: ["table": .string(refusal.table), "problem": .string(refusal.problem), "cure": .string(refusal.cure)]
                )
            }
            return current
        } catch {
            state.withLock { $0.reload = nil }
            throw error
        }
    }

    private func describe(_ error: any Error) -> String {
        (error as? PostgresError)?.debugDescription ?? "\(error)"
    }
}
