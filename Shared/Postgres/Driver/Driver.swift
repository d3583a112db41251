internal import CLibPQ
import Glibc
internal import Logging
import Synchronization
internal import Turns

/// The side of a driver thread that other threads see: a mailbox and counters.
final class Driver: Sendable, Delivery {
    enum Message: Sendable {
        case request(Request)
        case cancel(Request)
        case release(Lease)
        case connected(Result<SessionHandle, PostgresError>)
        case cancelArrived(UInt64)
        case drain
        case stop
    }

    private struct Inbox {
        var messages: [Message] = []
        var isSleeping = false
        var isClosed = false
        var stopped: [CheckedContinuation<Void, Never>] = []
    }

    struct Counters: Sendable {
        var open = 0
        var connecting = 0
        var leased = 0
        var inFlight = 0
        var waiting = 0
        var busy = 0
        var deepest = 0
        var breadth = 0
        var answered = 0
        var serviceNanoseconds = 0
    }

    let configuration: PostgresConfiguration
    let target: ConnectionTarget
    let logger: Logger
    private let inbox = Mutex(Inbox())
    private let openCount = Atomic<Int>(0)
    private let connectingCount = Atomic<Int>(0)
    private let leasedCount = Atomic<Int>(0)
    private let inFlightCount = Atomic<Int>(0)
    private let waitingCount = Atomic<Int>(0)
    private let busyCount = Atomic<Int>(0)
    private let deepestCount = Atomic<Int>(0)
    private let breadthLimit = Atomic<Int>(0)
    private let answeredCount = Atomic<Int>(0)
    private let serviceSum = Atomic<Int>(0)
    private let hasStarted = Atomic<Bool>(false)
    /// Closed by `deinit`, so that whoever still holds the driver never writes to a descriptor that was given away.
    let wakeUp: Int32

    init(configuration: PostgresConfiguration, target: ConnectionTarget, logger: Logger) {
        self.configuration = configuration
        self.target = target
        self.logger = logger
        wakeUp = sp_eventfd()
        precondition(wakeUp >= 0, "eventfd failed: no file descriptors left")
    }

    deinit {
        close(wakeUp)
    }

    /// Whether the thread was started; it may have ended.
    var isStarted: Bool { hasStarted.load(ordering: .acquiring) }

    /// Starts the thread, once; not to be called by two threads at a time.
    /// - Throws: `.unavailable` if there is no room for a thread; it may be tried again.
    func start() throws(PostgresError) {
        guard !isStarted else { return }
        try SystemThread.start(name: "postgres-driver") { DriverLoop(self).run() }
        hasStarted.store(true, ordering: .releasing)
    }

    /// Puts a message into the mailbox and wakes the thread if it sleeps.
    /// - Returns: false if the driver has ended; the message was not taken.
    @discardableResult
    func post(_ message: Message) -> Bool {
        let reader = put(message)
        if reader == .sleeping { deliver() }
        return reader != .ended
    }

    /// As ``post(_:)``, but the thread may sleep until the end of the caller's turn, for all that is submitted in it.
    func submit(_ request: Request) {
        switch put(.request(request)) {
        case .awake: break
        case .sleeping: Turn.deliver(self)
        case .ended: request.finish(PostgresError.closed)
        }
    }

    private enum Reader {
        case awake, sleeping, ended
    }

    private func put(_ message: Message) -> Reader {
        inbox.withLock { inbox in
            if inbox.isClosed { return .ended }
            inbox.messages.append(message)
            return inbox.isSleeping ? .sleeping : .awake
        }
    }

    /// Wakes the thread if it sleeps and has messages.
    func deliver() {
        let mustWake = inbox.withLock { inbox in
            let mustWake = inbox.isSleeping && !inbox.messages.isEmpty
            if mustWake { inbox.isSleeping = false }
            return mustWake
        }
        if mustWake { eventfd_write(wakeUp, 1) }
    }

    /// Waits until the thread has ended.
    func waitUntilStopped() async {
        await withCheckedContinuation { continuation in
            let isClosed = inbox.withLock { inbox -> Bool in
                if !inbox.isClosed { inbox.stopped.append(continuation) }
                return inbox.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }

    // MARK: - For the driver's thread

    /// Swaps the mailbox with an empty array whose memory is reused. If there is nothing, the thread counts as sleeping from here on.
    func take(into messages: inout [Message], sleepIfEmpty: Bool) {
        inbox.withLock { inbox in
            swap(&inbox.messages, &messages)
            inbox.isSleeping = sleepIfEmpty && messages.isEmpty
        }
    }

    /// From here on nobody needs to wake the thread.
    func wake() {
        inbox.withLock { $0.isSleeping = false }
    }

    func clearWakeUp() {
        var count: eventfd_t = 0
        _ = eventfd_read(wakeUp, &count)
    }

    /// Takes what is left and ends the mailbox.
    func closeInbox() -> [Message] {
        let (messages, waiters) = inbox.withLock { inbox in
            inbox.isClosed = true
            defer {
                inbox.messages = []
                inbox.stopped = []
            }
            return (inbox.messages, inbox.stopped)
        }
        for waiter in waiters { waiter.resume() }
        return messages
    }

    var counters: Counters {
        Counters(
            open: openCount.load(ordering: .relaxed), connecting: connectingCount.load(ordering: .relaxed),
            leased: leasedCount.load(ordering: .relaxed), inFlight: inFlightCount.load(ordering: .relaxed),
            waiting: waitingCount.load(ordering: .relaxed), busy: busyCount.load(ordering: .relaxed),
            deepest: deepestCount.load(ordering: .relaxed), breadth: breadthLimit.load(ordering: .relaxed),
            answered: answeredCount.load(ordering: .relaxed), serviceNanoseconds: serviceSum.load(ordering: .relaxed))
    }

    func publish(_ counters: Counters) {
        openCount.store(counters.open, ordering: .relaxed)
        connectingCount.store(counters.connecting, ordering: .relaxed)
        leasedCount.store(counters.leased, ordering: .relaxed)
        inFlightCount.store(counters.inFlight, ordering: .relaxed)
        waitingCount.store(counters.waiting, ordering: .relaxed)
        busyCount.store(counters.busy, ordering: .relaxed)
        deepestCount.store(counters.deepest, ordering: .relaxed)
        breadthLimit.store(counters.breadth, ordering: .relaxed)
        answeredCount.store(counters.answered, ordering: .relaxed)
        serviceSum.store(counters.serviceNanoseconds, ordering: .relaxed)
    }
}
