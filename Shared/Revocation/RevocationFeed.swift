public import Logging
public import Postgres
public import ServiceLifecycle
public import Tenancy

/// Keeps the index in step with the log: all of it at first, then each entry as it is committed, and after a gap what it has not seen.
///
/// The listening connection is asked for a sign of life again and again. Its answer comes after all announcements before it, so that the
/// index is known to be complete as of the question; a feed that cannot keep up makes the index old, and old answers are no answers.
public struct RevocationFeed: Service {
    private static let channel = "sallyport_revocation"
    /// How old the index is at most while all is well.
    private static let heartbeat: Duration = .seconds(1)
    /// A connection that died silently is noticed after a heartbeat and this, before the index has been believed for too long.
    private static let patience: Duration = .seconds(2)
    /// A clock that was set wrong and right again must not have cost an entry: they are read and kept for so many seconds after they are moot.
    private static let clockTolerance: Int64 = 7200

    /// To be run before the feed.
    public let listener: PostgresListener
    private let log: RevocationLog
    private let index: RevocationIndex
    private let now: @Sendable () -> Int64
    private let announce: @Sendable (TenantID?) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - configuration: of the listening connection.
    ///   - database: where the log is read.
    ///   - now: seconds since 1970.
    ///   - announce: called when the index has heard of an entry of the tenant; nil: perhaps of any.
    /// - Throws: `.configuration` if libpq cannot parse the connection string.
    public init(
        _ configuration: PostgresConfiguration, database: Postgres, index: RevocationIndex, logger: Logger,
        announce: @escaping @Sendable (TenantID?) -> Void = { _ in }, now: @escaping @Sendable () -> Int64
    ) throws(PostgresError) {
        listener = try PostgresListener(
            configuration, channels: [Self.channel], heartbeatInterval: Self.heartbeat, heartbeatPatience: Self.patience,
            reportsHeartbeats: true, logger: logger)
        log = RevocationLog(database: database)
        self.index = index
        self.now = { now() - Self.clockTolerance }
        self.announce = announce
        self.logger = logger
    }

    public func run() async throws {
        var position: RevocationPosition?
        for await event in listener.events.cancelOnGracefulShutdown() {
            switch event {
            case .connected:
                position = await caughtUp(from: position)
                announce(nil)
            case .disconnected:
                logger.warning("revocations interrupted; tokens are refused in a few seconds unless they resume")
            case .heartbeat(let asked):
                guard !index.hasForgotten(at: now()) else {
                    position = await caughtUp(from: position)
                    continue
                }
                index.isComplete(asOf: asked)
                index.removeSomeExpired(now: now())
            case .notification(_, let payload):
                guard let entry = RevocationEntry(announcement: payload) else {
                    logger.error("a revocation cannot be read; another version of the program wrote it")
                    continue
                }
                index.insert(entry)
                announce(entry.tenant)
            }
        }
    }

    /// Announcements that come meanwhile wait in the listener, so nothing falls between log and announcements. The attempt ends with the service.
    ///
    /// - Parameter position: what has been read before.
    /// - Returns: what is read now.
    private func caughtUp(from position: RevocationPosition?) async -> RevocationPosition? {
        await cancelWhenGracefulShutdown {
            var position = position
            while !Task.isCancelled {
                do {
                    try await catchUp(&position)
                    break
                } catch {
                    logger.warning("the revocation log cannot be read", metadata: ["error": "\(error)", "cure": "\(Self.cure(of: error))"])
                    try? await Task.sleep(for: .milliseconds(200))
                }
            }
            return position
        }
    }

    private func catchUp(_ position: inout RevocationPosition?) async throws {
        let (now, began) = (now(), ContinuousClock.now)
        if index.hasForgotten(at: now) {
            logger.warning("the clock has gone back; all revocations are read anew")
            position = nil
        }
        index.removeExpired(now: now)
        position = try await log.readUnseen(after: position, at: now) { entries in
            for entry in entries { index.insert(entry) }
        }
        index.isComplete(asOf: began)
    }

    private static func cure(of error: any Error) -> String {
        guard case PostgresError.server(let report) = error, [.undefinedFunction, .undefinedTable].contains(report.sqlState) else {
            return "it is tried again until it can"
        }
        return "the database's schema is older than this program: run auth-server migrate"
    }
}
