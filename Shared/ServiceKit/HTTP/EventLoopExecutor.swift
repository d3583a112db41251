internal import NIOCore
internal import Synchronization
internal import Turns

/// Runs connections' tasks on the event loop that owns their sockets, so that a request is parsed, handled and answered
/// without changing threads. What blocks must never run here; it has its own threads.
///
/// Jobs that the loop itself asks for wait in a list of their own, and those of other threads come in one parcel: the loop's queue, with its lock
/// and its closures, is passed once for many. What they give to others, answers and statements, is delivered once for many, too.
///
/// `@unchecked Sendable`: everything but `parcel` is touched on the event loop only.
final class EventLoopExecutor: TaskExecutor, @unchecked Sendable {
    private struct Parcel {
        var jobs: [UnownedJob] = []
        var isOnItsWay = false
    }

    /// Jobs run in one go, before the loop looks after its sockets again, and for how long: whoever must be refused should not wait for it.
    private static let maximumRun = 256
    private static let maximumTime = TimeAmount.milliseconds(10)

    /// So long what one job has for others may wait for the jobs after it.
    private static let longestDelivery = TimeAmount.milliseconds(1)

    /// Of connections' tasks, so many wait for the next request.
    static let maximumWaitingTasks = 256

    private let eventLoop: any EventLoop
    private var local: [UnownedJob] = []
    private var isDraining = false
    /// When the loop began with the events that it has in hand; nil: it has none.
    private var begin: NIODeadline?
    private let turn = Turn()
    private var lastDelivery = NIODeadline.now()
    /// How long a job takes, on average of late.
    private var jobNanoseconds = 20_000.0
    /// The loop's connections on which something is under way.
    let watch: ConnectionWatch
    let date = HTTPDate()
    /// Connections' tasks that wait for the next request.
    var waitingTasks = 0
    private let parcel = Mutex(Parcel())

    private init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        watch = ConnectionWatch(eventLoop)
    }

    /// How long a request that is read now has waited while the loop was busy with others.
    var waited: TimeAmount { begin.map { NIODeadline.now() - $0 } ?? .zero }

    /// How long it has waited, and would wait, by estimate.
    var delay: TimeAmount { waited + .nanoseconds(Int64(Double(local.count) * jobNanoseconds)) }

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

    /// Runs `body`, on the event loop, and at once what it leads to.
    func run(_ body: () -> Void) {
        beginTurn()
        deliverInTime()
        guard !isDraining else { return body() }
        isDraining = true
        body()
        drain()
    }

    private func beginTurn() {
        guard begin == nil else { return }
        let now = NIODeadline.now()
        begin = now
        lastDelivery = now
        turn.begin()
        eventLoop.execute {
            self.begin = nil
            self.turn.end()
        }
    }

    /// Between two jobs, or two parts of one: delivers what waits for longer than it may.
    func deliverInTime() {
        let now = NIODeadline.now()
        guard now - lastDelivery > Self.longestDelivery else { return }
        lastDelivery = now
        turn.deliver()
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
        beginTurn()
        let start = NIODeadline.now()
        var next = 0
        while next < local.count, next < Self.maximumRun {
            local[next].runSynchronously(on: asUnownedTaskExecutor())
            next += 1
            deliverInTime()
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
