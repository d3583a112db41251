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
    ///   - heartbeatInterval: how often a silent connection is asked for a sign of life, which must come within the same time.
    ///   - bufferLimit: events waiting for the consumer; on overflow they are replaced by `.disconnected` and `.connected`.
    /// - Throws: `.configuration` if libpq cannot parse the connection string.
    public init(
        _ configuration: PostgresConfiguration, channels: [String], heartbeatInterval: Duration = .seconds(10), bufferLimit: Int = 4096,
        logger: Logger
    ) throws(PostgresError) {
        buffer = EventBuffer(limit: bufferLimit)
        events = PostgresEvents(buffer: buffer)
        shared = ListenerLoop.Shared()
        loop = ListenerLoop.Parameters(
            target: try ConnectionTarget(configuration), channels: channels, heartbeat: heartbeatInterval.wholeNanoseconds, logger: logger)
    }

    /// How long ago the connection last gave a sign of life; nothing before that was missed.
    public var silence: Duration { .nanoseconds(monotonicNow() - shared.heardAt) }

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
