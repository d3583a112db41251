import Logging
import Postgres
import Revocation
import ServiceKit
import ServiceLifecycle

/// Keeps the index in step with the log: all of it when the connection begins, then each entry as it is committed.
struct RevocationFeed: Service {
    static let channel = "sallyport_revocation"

    let listener: PostgresListener
    let log: RevocationLog
    let index: RevocationIndex
    let clock: WallClock
    let logger: Logger

    /// How often entries that are moot leave the index, in seconds; only while others arrive, as it does not grow otherwise.
    private static let sweepSeconds: Int64 = 600

    func run() async throws {
        var nextSweep = clock.now + Self.sweepSeconds
        for await event in listener.events.cancelOnGracefulShutdown() {
            switch event {
            case .connected:
                await catchUp()
            case .disconnected:
                logger.warning("revocations interrupted; tokens are refused in a few seconds unless they resume")
                index.interrupted()
            case .notification(_, let payload):
                guard let entry = RevocationEntry(announcement: payload) else {
                    logger.error("a revocation cannot be read; another version of the program wrote it")
                    continue
                }
                index.insert(entry)
                if clock.now >= nextSweep {
                    index.removeExpired(now: clock.now)
                    nextSweep = clock.now + Self.sweepSeconds
                }
            }
        }
    }

    /// Announcements that come meanwhile wait in the listener, so nothing falls between log and announcements.
    private func catchUp() async {
        while !Task.isCancelled {
            do {
                index.removeExpired(now: clock.now)
                index.caughtUp(try await log.living(at: clock.now))
                return
            } catch {
                logger.warning("the revocation log cannot be read", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
