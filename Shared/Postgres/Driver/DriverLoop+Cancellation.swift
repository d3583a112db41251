internal import CLibPQ

extension DriverLoop {
    /// How long the server may still work on a request nobody waits for. A cancel request costs it a process, so what is over in
    /// a moment is left alone.
    private static let cancelDelay: Int64 = 5_000_000
    /// How long beyond `statement_timeout` a connection may be silent before it counts as dead.
    private static let stallGrace: Int64 = 10_000_000_000

    func cancel(_ request: Request) {
        request.isCancelled = true
        giveUp(request, failure: CancellationError())
    }

    /// Resumes the request's task at once; a statement that runs is cancelled at the server.
    private func giveUp(_ request: Request, failure: any Error) {
        switch request.state {
        case .new, .done:
            break
        case .queued:
            // A reserved connection forgets the request when it gets to it.
            if !isReserved(request) { waiting -= 1 }
            request.finish(failure)
        case .sent(let connection):
            request.finish(failure)
            request.forgetResults()
            if connection.inFlight.first === request { scheduleCancel(on: connection) }
        }
    }

    private func isReserved(_ request: Request) -> Bool {
        for connection in connections where connection.reservation === request {
            connection.reservation = nil
            return true
        }
        return false
    }

    func scheduleCancel(on connection: DriverConnection) {
        guard !connection.isCancelling, connection.cancelAt == nil else { return }
        connection.cancelAt = now &+ Self.cancelDelay
        schedule(now &+ Self.cancelDelay)
    }

    /// Sends the cancel request on a thread of its own, as libpq does it blocking.
    private func sendCancel(on connection: DriverConnection) {
        connection.cancelAt = nil
        guard let cancel = PQgetCancel(connection.handle) else { return }
        connection.isCancelling = true
        connection.cancelArrived = false
        nonisolated(unsafe) let handle = cancel  // Independent of the connection; freed below by the only user.
        let token = connection.token
        do throws(PostgresError) {
            try SystemThread.start(name: "postgres-cancel") { [driver] in
                var message = [CChar](repeating: 0, count: 256)
                _ = PQcancel(handle, &message, Int32(message.count))
                PQfreeCancel(handle)
                driver.post(.cancelArrived(token))
            }
        } catch {
            // Then the statement runs to its end; nobody waits for it.
            PQfreeCancel(cancel)
            connection.isCancelling = false
        }
    }

    /// The signal was sent to the server process; what was in flight at this moment may be hit, nothing sent after it has drained.
    func cancelArrived(_ token: UInt64) {
        guard let connection = connections.first(where: { $0.token == token }) else { return }
        connection.cancelArrived = true
        if connection.isIdle { settle(connection) }
    }

    // MARK: - Time

    /// Everything that depends on the clock. Runs when something is due, not in every round.
    func maintain() {
        nextMaintenance = .max
        expireQueue()
        expireTimed()
        for connection in connections {
            guard let time = connection.cancelAt else { continue }
            if now >= time { sendCancel(on: connection) } else { schedule(time) }
        }
        checkStalls()
        closeSurplus()
        failIfUnavailable()
        if waiting > 0, now < backoff.nextAttempt { schedule(backoff.nextAttempt) }
        if waiting > 0, let since = backoff.firstFailure, connections.isEmpty {
            schedule(since + configuration.unavailableAfter.wholeNanoseconds)
        }
    }

    private func expireQueue() {
        let timeout = configuration.acquisitionTimeout
        while let request = queue.first {
            if !request.isDone {
                guard now >= request.acquisitionDeadline else {
                    schedule(request.acquisitionDeadline)
                    break
                }
                waiting -= 1
                request.finish(failureOfWaiting(timeout))
            }
            queue.popFirst()
        }
        for connection in connections {
            guard let request = connection.reservation else { continue }
            if now >= request.acquisitionDeadline {
                connection.reservation = nil
                request.finish(failureOfWaiting(timeout))
            } else {
                schedule(request.acquisitionDeadline)
            }
        }
    }

    private func failureOfWaiting(_ timeout: Duration) -> PostgresError {
        if connections.isEmpty, let error = backoff.lastError { return error }
        return .acquisitionTimedOut(after: timeout)
    }

    private func expireTimed() {
        guard !timed.isEmpty else { return }
        timed.removeAll { request in
            if request.isDone { return true }
            guard now >= request.deadline else {
                schedule(request.deadline)
                return false
            }
            giveUp(request, failure: PostgresError.timedOut(after: request.timeout ?? .zero))
            return true
        }
    }

    func scheduleStallCheck() {
        if configuration.statementTimeout > .zero { schedule(now &+ 1_000_000_000) }
    }

    /// The server ends every statement within `statement_timeout`; one that stays silent much longer is gone, and TCP may take
    /// many minutes to say so.
    private func checkStalls() {
        guard inFlight > 0, configuration.statementTimeout > .zero else { return }
        scheduleStallCheck()
        for connection in connections {
            guard let head = connection.inFlight.first else { continue }
            let allowance = configuration.statementTimeout.wholeNanoseconds * Int64(head.rest.count + 1) + Self.stallGrace
            if now - connection.headSince > allowance { lost(connection) }
        }
    }
}
