internal import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore
internal import Synchronization

/// Runs connections' tasks on the event loop that owns their sockets, so that a request is parsed, handled and answered
/// without changing threads. What blocks must never run here; it has its own threads.
///
/// Jobs that the loop itself asks for wait in a list of their own, and those of other threads come in one parcel: the loop's queue, with its lock
/// and its closures, is passed once for many.
///
/// `@unchecked Sendable`: `local`, `isDraining`, `jobNanoseconds` and `watch` are touched on the event loop only.
final class EventLoopExecutor: TaskExecutor, @unchecked Sendable {
    private struct Parcel {
        var jobs: [UnownedJob] = []
        var isOnItsWay = false
    }

    /// Jobs run in one go, before the loop looks after its sockets again, and for how long: whoever must be refused should not wait for it.
    private static let maximumRun = 256
    private static let maximumTime = TimeAmount.milliseconds(10)

    private let eventLoop: any EventLoop
    private var local: [UnownedJob] = []
    private var isDraining = false
    /// How long a job takes, on average of late.
    private var jobNanoseconds = 20_000.0
    /// The loop's connections on which something is under way.
    let watch: ConnectionWatch
    private let parcel = Mutex(Parcel())

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        watch = ConnectionWatch(eventLoop)
    }

    /// How long a job that came now would wait, by estimate.
    var delayNanoseconds: Int64 { Int64(Double(local.count) * jobNanoseconds) }

    private static let executors = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

    /// The loop's executor; loops live as long as the process.
    static func of(_ eventLoop: any EventLoop) -> EventLoopExecutor {
        executors.withLock { executors in
            if let known = executors[ObjectIdentifier(eventLoop)] { return known }
            let executor = EventLoopExecutor(eventLoop)
            executors[ObjectIdentifier(eventLoop)] = executor
            return executor
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if eventLoop.inEventLoop {
            local.append(job)
            if !isDraining {
                isDraining = true
                eventLoop.execute { self.drain() }
            }
        } else {
            let mustSend = parcel.withLock { parcel in
                parcel.jobs.append(job)
                defer { parcel.isOnItsWay = true }
                return !parcel.isOnItsWay
            }
            if mustSend { eventLoop.execute { self.open() } }
        }
    }

    private func open() {
        let jobs = parcel.withLock { parcel in
            defer { parcel = Parcel() }
            return parcel.jobs
        }
        local += jobs
        if !isDraining {
            isDraining = true
            drain()
        }
    }

    /// Runs what is there and what it leads to. Until the list is empty, ``isDraining`` says that nobody else need ask for it.
    private func drain() {
        let start = NIODeadline.now()
        var next = 0
        while next < local.count, next < Self.maximumRun {
            local[next].runSynchronously(on: asUnownedTaskExecutor())
            next += 1
            if next % 8 == 0, NIODeadline.now() - start > Self.maximumTime { break }
        }
        note(next, since: start)
        if next == local.count {
            local.removeAll(keepingCapacity: true)
            isDraining = false
        } else {
            local.removeFirst(next)
            eventLoop.execute { self.drain() }
        }
    }
}

extension EventLoopExecutor {
    /// Many jobs say more than one.
    private func note(_ jobs: Int, since start: NIODeadline) {
        guard jobs > 0 else { return }
        let each = Double((NIODeadline.now() - start).nanoseconds) / Double(jobs)
        jobNanoseconds += (each - jobNanoseconds) * Double(min(jobs, 64)) / 512
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
            let bytes = DepartureHandler(departure)
            try channel.pipeline.syncOperations.addHandler(bytes)
            return base.setup(channel: channel, logger: logger).assumeIsolatedUnsafeUnchecked().flatMapThrowing { base in
                bytes.connection = try channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
                return Value(base: base, departure: departure.futureResult)
            }.nonisolated()
        } catch {
            departure.succeed()
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    public func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor.of(value.channel.eventLoop)) {
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
    /// HTTP/1.1 behind the gateway: bounded in what it takes on, idle connections closed, tasks bound to their event loop and to their client.
    static func loopBound(_ load: ServerLoad) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            LoopBoundHTTPChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        additionalChannelHandlers: [ConnectionHandler(load)],
                        idleTimeout: .nanoseconds(load.limits.idleTimeout.nanoseconds),
                        httpDecoderConfiguration: .init(maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100)
                    )
                )
            )
        }
    }
}
