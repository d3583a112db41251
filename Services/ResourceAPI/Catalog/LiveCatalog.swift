import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// The engine for the catalog as it is now: read at start, read again when a declaration changes it.
///
/// A new catalog is built aside and swapped in; requests under way finish with the one they began with.
final class LiveCatalog: Service {
    static let channel = "sallyport_catalog"
    /// Unknown names cause a reload at most this often, whoever asks.
    private static let reloadInterval: Duration = .seconds(1)

    private struct State {
        var engine: ResourceEngine?
        var reload: Task<ResourceEngine, any Error>?
        var loadedAt: ContinuousClock.Instant?
    }

    private let store: CatalogStore
    private let maximumRows: Int
    private let postgres: Postgres
    private let listener: PostgresListener
    private let logger: Logger
    private let state = Mutex(State())

    init(store: CatalogStore, maximumRows: Int, postgres: Postgres, listener: PostgresListener, logger: Logger) {
        self.store = store
        self.maximumRows = maximumRows
        self.postgres = postgres
        self.listener = listener
        self.logger = logger
    }

    var engine: ResourceEngine? { state.withLock { $0.engine } }

    /// Reloads whenever announcements begin, which is also after each reconnection, and with each announcement.
    func run() async throws {
        for await event in listener.events.cancelOnGracefulShutdown() {
            switch event {
            case .connected, .notification:
                do {
                    _ = try await reload()
                } catch {
                    logger.error("catalog not read", metadata: ["error": .string(describe(error))])
                }
            case .disconnected:
                break
            }
        }
    }

    /// The engine after another look at the database, or nil where the last look is too recent for another.
    func reloadForUnknownName() async throws -> ResourceEngine? {
        let isRecent = state.withLock { state in state.loadedAt.map { $0.duration(to: .now) < Self.reloadInterval } ?? false }
        return isRecent ? nil : try await reload()
    }

    func require() async throws -> ResourceEngine {
        if let engine { return engine }
        return try await reload()
    }

    private func reload() async throws -> ResourceEngine {
        let task = state.withLock { state in
            if let running = state.reload { return running }
            // Shared by all who wait for it, so no one request's cancellation ends it.
            let task = Task { try await self.load() }
            state.reload = task
            return task
        }
        return try await task.value
    }

    private func load() async throws -> ResourceEngine {
        do {
            let catalog = try await store.load(from: postgres)
            let engine = ResourceEngine(catalog: catalog, maximumRows: maximumRows)
            let previous = state.withLock { state in
                let previous = state.engine
                state = State(engine: engine, reload: nil, loadedAt: .now)
                return previous
            }
            for refusal in catalog.refusals where !(previous?.catalog.refusals.contains(refusal) ?? false) {
                logger.warning(
                    "table not exposed",
                    metadata: ["table": .string(refusal.table), "problem": .string(refusal.problem), "cure": .string(refusal.cure)]
                )
            }
            return engine
        } catch {
            state.withLock { $0.reload = nil }
            throw error
        }
    }

    private func describe(_ error: any Error) -> String {
        (error as? PostgresError)?.debugDescription ?? "\(error)"
    }
}
