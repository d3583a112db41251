internal import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore

/// Runs a connection's tasks on the event loop that owns its socket, so that a request is parsed, handled and answered
/// without changing threads. What blocks must never run here; it has its own threads.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        eventLoop.execute {
            job.runSynchronously(on: executor)
        }
    }
}

/// HTTP/1.1 connections whose tasks stay on their event loop, and are cancelled when the client goes.
public struct LoopBoundHTTPChannel: ServerChildChannel {
    public struct Value: ServerChildChannelValue {
        fileprivate let base: HTTP1Channel.Value
        fileprivate let departure: EventLoopFuture<Void>

        public var channel: any Channel { base.channel }
    }

    private let base: HTTP1Channel

    init(base: HTTP1Channel) {
        self.base = base
    }

    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let departure = channel.eventLoop.makePromise(of: Void.self)
        do {
            try channel.pipeline.syncOperations.addHandler(DepartureHandler(departure))
        } catch {
            departure.succeed()
            return channel.eventLoop.makeFailedFuture(error)
        }
        return base.setup(channel: channel, logger: logger).map { Value(base: $0, departure: departure.futureResult) }
    }

    public func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            // Two tasks for a connection, not for a request: whichever ends first ends the other, as the connection's end is a departure too.
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await base.handle(value: value.base, logger: logger) }
                group.addTask { try? await value.departure.get() }
                await group.next()
                group.cancelAll()
            }
        }
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1 behind the gateway: bounded headers, idle connections closed, tasks bound to their event loop and to their client.
    public static func loopBound(idleTimeout: TimeAmount = .seconds(75)) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            LoopBoundHTTPChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        idleTimeout: idleTimeout,
                        httpDecoderConfiguration: .init(maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100)
                    )
                )
            )
        }
    }
}
