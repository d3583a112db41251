internal import CLibPQ
import Glibc
internal import Logging
import Synchronization

/// The listener's thread.
struct ListenerLoop {
    struct Parameters: Sendable {
        let target: ConnectionTarget
        let channels: [String]
        let heartbeat: Int64
        let patience: Duration
        let reportsHeartbeats: Bool
        let logger: Logger
    }

    /// What stops the thread from outside.
    final class Shared: Sendable {
        let wakeUp = sp_eventfd()
        private let isStoppedFlag = Atomic<Bool>(false)

        deinit { close(wakeUp) }

        var isStopped: Bool { isStoppedFlag.load(ordering: .acquiring) }

        func stop() {
            isStoppedFlag.store(true, ordering: .releasing)
            eventfd_write(wakeUp, 1)
        }
    }

    private let parameters: Parameters
    private let shared: Shared
    private let buffer: EventBuffer
    private var backoff = Backoff()

    init(_ parameters: Parameters, shared: Shared, buffer: EventBuffer) {
        self.parameters = parameters
        self.shared = shared
        self.buffer = buffer
    }

    mutating func run() {
        while !shared.isStopped {
            do throws(PostgresError) {
                let connection = try connect()
                backoff.succeeded()
                buffer.append(.connected)
                listen(connection)
                buffer.append(.disconnected)
                parameters.logger.debug("listening connection ended")
            } catch {
                parameters.logger.debug("cannot listen", metadata: ["reason": "\(error.debugDescription)"])
                backoff.failed(error, at: monotonicNow())
                _ = wait(for: nil, until: backoff.nextAttempt)
            }
        }
    }

    private func connect() throws(PostgresError) -> BlockingConnection {
        let connection = try BlockingConnection(parameters.target)
        for channel in parameters.channels { try connection.execute("LISTEN \(PostgresIdentifier.quoted(channel))") }
        return connection
    }

    /// Hands out notifications until the connection is lost or the listener stopped.
    private func listen(_ connection: BlockingConnection) {
        var asked: ContinuousClock.Instant?
        var answered: ContinuousClock.Instant?
        var due = monotonicNow() &+ parameters.heartbeat
        while true {
            while let (channel, payload) = connection.nextNotification() {
                buffer.append(.notification(channel: channel, payload: payload))
            }
            // After the notifications that came before the answer.
            if parameters.reportsHeartbeats, let answered { buffer.append(.heartbeat(asked: answered)) }
            answered = nil
            let isReadable = wait(for: connection.socket, until: due)
            if shared.isStopped { return }
            if isReadable {
                guard connection.consumeInput() else { return }
                if asked != nil, connection.finishSent() { answered = asked.take() }
            }
            let (instant, now) = (ContinuousClock.now, monotonicNow())
            guard now >= due else { continue }
            due = now &+ parameters.heartbeat
            if let asked {
                // The sign of life does not come: the other end is gone, whatever TCP believes.
                guard asked.duration(to: instant) < parameters.patience else { return }
            } else {
                guard connection.send("SELECT 1") else { return }
                asked = instant
            }
        }
    }

    /// Waits for the socket, the stop signal or the time.
    private func wait(for socket: Int32?, until time: Int64) -> Bool {
        var descriptors = [pollfd(fd: shared.wakeUp, events: Int16(POLLIN), revents: 0)]
        if let socket { descriptors.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
        let milliseconds = max(0, (time - monotonicNow() + 999_999) / 1_000_000)
        _ = poll(&descriptors, nfds_t(descriptors.count), Int32(clamping: milliseconds))
        return descriptors.count > 1 && descriptors[1].revents != 0
    }
}
