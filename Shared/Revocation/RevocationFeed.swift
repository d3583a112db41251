public import Logging
public import Postgres
public import ServiceLifecycle

/// Keeps the index in step with the log: all of it when the connection begins, then each entry as it is committed.
public struct RevocationFeed: Service {
    private static let channel = "sallyport_revocation"
    /// A connection that died silently is noticed within two of these, before the index has been believed for too long.
    private static let heartbeat: Duration = .seconds(2)
    /// How often entries that are moot leave the index, in seconds; only while others arrive, as it does not grow otherwise.
    private static let sweepSeconds: Int64 = 600
    /// A clock that was set wrong and right again must not have cost an entry: they are read and kept for so many seconds after they are moot.
    private static let clockTolerance: Int64 = 7200

    /// To be run before the feed.
    public let listener: PostgresListener
    private let log: RevocationLog
    private let index: RevocationIndex
    private let now: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameters:
    ///   - configuration: of the listening connection.
    ///   - database: where the log is read.
    ///   - now: seconds since 1970.
    /// - Throws: `.configuration` if libpq cannot parse the connection string.
    public init(
        _ configuration: PostgresConfiguration, database: Postgres, index: RevocationIndex, logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) throws(PostgresError) {
        listener = try PostgresListener(configuration, channels: [Self.channel], heartbeatInterval: Self.heartbeat, logger: logger)
        log = RevocationLog(database: database)
        self.index = index
        self.now = { now() - Self.clockTolerance }
        self.logger = logger
    }

    public func run() async throws {
        var nextSweep = now() + Self.sweepSeconds
        for await event in listener.events.cancelOnGracefulShutdown() {
            switch event {
            case .connected:
                await catchUp()
            case .disconnected:
                logger.warning("revocations interrupted; tokens are refused in a few seconds unless they resume")
                index.interrupted(silentFor: listener.silence)
            case .notification(_, let payload):
                guard let entry = RevocationEntry(announcement: payload) else {
                    logger.error("a revocation cannot be read; another version of the program wrote it")
                    continue
                }
                index.insert(entry)
                if now() >= nextSweep {
                    index.removeExpired(now: now())
                    nextSweep = now() + Self.sweepSeconds
                }
            }
        }
    }

    /// Announcements that come meanwhile wait in the listener, so nothing falls between log and announcements.
    private func catchUp() async {
        while !Task.isCancelled {
            do {
                index.removeExpired(now: now())
                index.caughtUp(try await log.living(at: now()))
                return
            } catch {
                logger.warning("the revocation log cannot be read", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }
}
