import Logging
import Postgres
import ServiceLifecycle

/// Makes room for the answers and the audit rows to come and drops what has expired: at start, and every day. Partitions are made days
/// ahead, so a day that fails does no harm.
struct PartitionKeeper: Service {
    private static let interval = Duration.seconds(86_400)
    private static let retryInterval = Duration.seconds(60)

    let postgres: Postgres
    let logger: Logger

    func run() async throws {
        // Ends with the service, also in the middle of its sleep.
        try? await cancelWhenGracefulShutdown {
            while true { try await Task.sleep(for: await keep() ? Self.interval : Self.retryInterval) }
        }
    }

    private func keep() async -> Bool {
        do {
            let changed = try await postgres.queryOne("SELECT sallyport.maintain_partitions()", timeout: .seconds(60)) {
                try $0.decode(Int32.self)
            }
            if changed > 0 { logger.info("partitions maintained", metadata: ["changed": "\(changed)"]) }
            return true
        } catch {
            if !(error is CancellationError) { logger.error("partitions could not be maintained", metadata: ["error": "\(error)"]) }
            return false
        }
    }
}
