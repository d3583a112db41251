internal import Logging

/// The driver's thread: takes requests from the mailbox, gives them to connections, reads results and resumes tasks.
///
/// Everything here is confined to that thread; no lock is held and nothing blocks but epoll.
final class DriverLoop {
    let driver: Driver
    let configuration: PostgresConfiguration
    let logger: Logger
    let poller: Poller
    let scratch = ParameterScratch()
    let acquisitionNanoseconds: Int64
    var now = monotonicNow()

    var connections: [DriverConnection] = []
    private var nextToken: UInt64 = 1
    var connecting = 0
    var backoff = Backoff()

    /// Requests without a connection, oldest first. Those given up stay until their turn; `waiting` counts the others.
    var queue = Ring<Request>(capacity: 64)
    var waiting = 0
    var inFlight = 0
    /// How long the server works on a request, in nanoseconds, as a moving average.
    var averageService: Int64 = 0
    var breadth: Breadth
    /// Since the start: requests that were answered, and how long the server worked on them.
    var answered = 0
    var serviceNanoseconds = 0
    /// Sent or waiting requests with a timeout of their own.
    var timed: [Request] = []

    /// When `maintain()` runs next.
    var nextMaintenance: Int64 = 0
    var isDraining = false
    var isStopping = false

    init(_ driver: Driver) {
        self.driver = driver
        configuration = driver.configuration
        logger = driver.logger
        breadth = Breadth(connections: configuration.poolSize)
        acquisitionNanoseconds = configuration.acquisitionTimeout.wholeNanoseconds
        poller = Poller(wakeUp: driver.wakeUp)
    }

    func run() {
        var messages: [Driver.Message] = []
        while !(isStopping || (isDraining && isQuiet)) {
            driver.take(into: &messages, sleepIfEmpty: true)
            now = monotonicNow()
            if messages.isEmpty {
                publish()
                let count = poller.wait(milliseconds: millisecondsToMaintenance)
                driver.wake()
                now = monotonicNow()
                for index in 0..<count { handleEvent(at: index) }
                // What the events' tasks ask for at once should travel with what is sent now.
                driver.take(into: &messages, sleepIfEmpty: false)
            } else {
                // Reading first keeps the server's output moving while requests pour in.
                let count = poller.wait(milliseconds: 0)
                for index in 0..<count { handleEvent(at: index) }
            }
            for message in messages { handle(message) }
            messages.removeAll(keepingCapacity: true)
            if now >= nextMaintenance { maintain() }
            dispatch()
        }
        end()
    }

    /// Whether nobody waits for anything. What was given up may still be on its way to a server that is gone, and would be for a minute.
    private var isQuiet: Bool {
        waiting == 0
            && connections.allSatisfy { $0.lease == nil && $0.reservation == nil && (inFlight == 0 || $0.inFlight.allSatisfy(\.isDone)) }
    }

    private var millisecondsToMaintenance: Int32 {
        if nextMaintenance == .max { return -1 }
        return Int32(clamping: max(0, (nextMaintenance - now + 999_999) / 1_000_000))
    }

    private func handleEvent(at index: Int) {
        let token = poller.token(at: index)
        if token == 0 { return driver.clearWakeUp() }
        guard let connection = connections.first(where: { $0.token == token }) else { return }
        if poller.isWritable(at: index) { flush(connection) }
        read(connection)
    }

    private func handle(_ message: Driver.Message) {
        switch message {
        case .request(let request): accept(request)
        case .cancel(let request): cancel(request)
        case .release(let lease): release(lease)
        case .connected(.success(let session)): adopt(session)
        case .connected(.failure(let error)): connectFailed(error)
        case .cancelArrived(let token): cancelArrived(token)
        case .drain: isDraining = true
        case .stop: isStopping = true
        }
    }

    /// Makes sure that `maintain()` runs no later than `time`.
    func schedule(_ time: Int64) {
        if time < nextMaintenance { nextMaintenance = time }
    }

    func makeToken() -> UInt64 {
        defer { nextToken &+= 1 }
        return nextToken
    }

    func publish() {
        var counters = Driver.Counters(open: connections.count, connecting: connecting, inFlight: inFlight, waiting: waiting)
        for connection in connections {
            if connection.lease != nil { counters.leased += 1 }
            if connection.lease != nil || !connection.isIdle { counters.busy += 1 }
            counters.deepest = max(counters.deepest, connection.inFlight.count)
        }
        counters.breadth = breadth.limit
        counters.answered = answered
        counters.serviceNanoseconds = serviceNanoseconds
        driver.publish(counters)
    }

    private func end() {
        for connection in connections { close(connection, failure: isStopping ? PostgresError.closed : nil) }
        connections = []
        while let request = queue.popFirst() { request.finish(PostgresError.closed) }
        publish()
        for message in driver.closeInbox() {
            switch message {
            case .request(let request): request.finish(PostgresError.closed)
            case .connected(.success(let session)): session.finish()
            default: break
            }
        }
    }
}
