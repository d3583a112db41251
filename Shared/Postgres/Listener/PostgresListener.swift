internal import CLibPQ
import Glibc
public import Logging
public import ServiceLifecycle
import Synchronization

/// LISTEN on channels, over a connection of its own that is made again whenever it breaks.
///
/// A connection that died silently is found by a heartbeat query. Only one task may consume `events`.
public final class PostgresListener: Service, Sendable {
    public let events: PostgresEvents
    private let buffer: EventBuffer
    private let shared: ListenerLoop.Shared
    private let loop: ListenerLoop.Parameters

    /// - Parameters:
    ///   - heartbeatInterval: how often the connection is asked for a sign of life.
    ///   - heartbeatPatience: within which it must come; nil: within the interval.
    ///   - reportsHeartbeats: whether ``events`` have the signs of life.
    ///   - bufferLimit: events waiting for the consumer; on overflow they are replaced by `.disconnected` and `.connected`.
    /// - Throws: `.configuration` if libpq cannot parse the connection string.
    public init(
        _ configuration: PostgresConfiguration, channels: [String], heartbeatInterval: Duration = .seconds(10),
        heartbeatPatience: Duration? = nil,
        reportsHeartbeats: Bool = false, bufferLimit: Int = 4096, logger: Logger
    ) throws(PostgresError) {
        buffer = EventBuffer(limit: bufferLimit)
        events = PostgresEvents(buffer: buffer)
        shared = ListenerLoop.Shared()
        loop = ListenerLoop.Parameters(
            target: try ConnectionTarget(configuration), channels: channels, heartbeat: heartbeatInterval.wholeNanoseconds,
            patience: heartbeatPatience ?? heartbeatInterval,
            reportsHeartbeats: reportsHeartbeats, logger: logger)
    }

    /// Listens until graceful shutdown or cancellation; then `events` ends.
    /// - Throws: `.unavailable` if there is no room for a thread; `events` ends then too.
    public func run() async throws {
        defer { buffer.finish() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await SystemThread.run(name: "postgres-listen") { [loop, shared, buffer] in
                    var listening = ListenerLoop(loop, shared: shared, buffer: buffer)
                    listening.run()
                }
            } onGracefulShutdown: { [shared] in
                shared.stop()
            }
        } onCancel: {
            shared.stop()
        }
    }
}
