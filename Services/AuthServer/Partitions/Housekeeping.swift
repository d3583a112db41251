import Logging
import ServiceLifecycle
import Synchronization

/// Makes room for what will expire and drops what has: before the server is ready, and every day. Partitions are made days ahead, so a day
/// that fails does no harm.
final class Housekeeping: Service {
    private static let interval = Duration.seconds(86_400)
    private static let retryInterval = Duration.seconds(5)

    private let store: PartitionStore
    private let throttle: SignInThrottle
    private let logger: Logger
    private let done = Atomic(false)

    init(store: PartitionStore, throttle: SignInThrottle, logger: Logger) {
        self.store = store
        self.throttle = throttle
        self.logger = logger
    }

    /// Whether it has succeeded once: before that there may be no room for a session or a revocation.
    var isDone: Bool { done.load(ordering: .relaxed) }

    func run() async throws {
        // Ends with the service, also in the middle of its sleep.
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: await self.keep() ? Self.interval : Self.retryInterval)
            }
        }
    }

    private func keep() async -> Bool {
        do {
            let changed = try await store.maintain()
            done.store(true, ordering: .relaxed)
            if changed > 0 { logger.info("partitions maintained", metadata: ["changed": "\(changed)"]) }
            try await throttle.forgetOldCounters()
            return true
        } catch {
            if !(error is CancellationError) { logger.error("partitions could not be maintained", metadata: ["error": "\(error)"]) }
            return false
        }
    }
}
