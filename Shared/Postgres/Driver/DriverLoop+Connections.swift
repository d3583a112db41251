internal import CLibPQ
internal import Logging

extension DriverLoop {
    /// Starts one more connection on a thread of its own, as name look-up and handshake block.
    func connect() {
        if backoff.firstFailure != nil, connecting > 0 { return }
        guard now >= backoff.nextAttempt else { return schedule(backoff.nextAttempt) }
        connecting += 1
        do throws(PostgresError) {
            try SystemThread.start(name: "postgres-connect") { [driver] in
                let result: Result<SessionHandle, PostgresError>
                do throws(PostgresError) {
                    result = .success(try driver.target.connect())
                } catch {
                    result = .failure(error)
                }
                if !driver.post(.connected(result)), case .success(let session) = result { session.finish() }
            }
        } catch {
            connectFailed(error)
        }
    }

    /// Connections that may still be opened.
    var room: Int { configuration.poolSize - connections.count - connecting }

    func keepMinimum() {
        guard !isDraining, connections.count + connecting < max(1, min(configuration.minimumConnections, configuration.poolSize)) else {
            return
        }
        connect()
    }

    func adopt(_ session: SessionHandle) {
        let handle = session.pointer
        connecting -= 1
        if backoff.firstFailure != nil { logger.info("database connection restored") }
        backoff.succeeded()
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            PQfinish(handle)
            return
        }
        let connection = DriverConnection(
            handle: handle, socket: PQsocket(handle), token: makeToken(), now: now,
            preparedLimit: configuration.preparedStatementLimit)
        watchNotices(of: connection)
        connections.append(connection)
        poller.add(connection.socket, token: connection.token)
        scheduleIdleCheck()
        keepMinimum()
        logger.debug("database connection opened", metadata: ["open": "\(connections.count)"])
    }

    /// To an idle connection the end of its session comes as a notice. Seen in time, nothing is sent to it any more.
    private func watchNotices(of connection: DriverConnection) {
        let receiver: PQnoticeReceiver = { context, result in
            guard let context, let result else { return }
            Unmanaged<DriverConnection>.fromOpaque(context).takeUnretainedValue().note(ServerError(result: result))
        }
        // Called only from within libpq calls on this connection, which end before the object does.
        PQsetNoticeReceiver(connection.handle, receiver, Unmanaged.passUnretained(connection).toOpaque())
    }

    func connectFailed(_ error: PostgresError) {
        connecting -= 1
        if backoff.firstFailure == nil {
            logger.warning("cannot connect to the database", metadata: ["reason": "\(error.debugDescription)"])
        }
        backoff.failed(error, at: now)
        schedule(backoff.nextAttempt)
        failIfUnavailable()
    }

    /// True when the server has been unreachable for so long that waiting makes no sense.
    var isUnavailable: Bool {
        guard connections.isEmpty, let since = backoff.firstFailure else { return false }
        return now - since >= configuration.unavailableAfter.wholeNanoseconds
    }

    func failIfUnavailable() {
        guard isUnavailable else { return }
        while let request = queue.popFirst() {
            if request.isDone { continue }
            waiting -= 1
            request.finish(backoff.lastError)
        }
    }

    /// Ends a connection and everything that depends on it.
    /// - Parameter failure: for the requests in flight; nil if none are left.
    func close(_ connection: DriverConnection, failure: (any Error)?) {
        poller.remove(connection.socket)
        connections.removeAll { $0 === connection }
        while let request = connection.inFlight.popFirst() {
            inFlight -= 1
            request.finish(failure ?? PostgresError.connectionLost(mayHaveRun: true))
        }
        if let lease = connection.lease { lease.connection = nil }
        connection.lease = nil
        if let request = connection.reservation.take(), !request.isDone { requeue(request) }
        PQfinish(connection.handle)
    }

    /// The connection broke. Requests whose transaction certainly did not commit go back to the queue.
    func lost(_ connection: DriverConnection) {
        logger.debug("database connection lost", metadata: ["in_flight": "\(connection.inFlight.count)"])
        var again: [Request] = []
        while let request = connection.inFlight.popFirst() {
            inFlight -= 1
            if request.isDone { continue }
            if connection.sessionEndedUncommitted, request.isUnit, request.attempts < Self.maximumAttempts {
                again.append(request)
            } else {
                request.finish(PostgresError.connectionLost(mayHaveRun: request.isSent && !connection.sessionEndedUncommitted))
            }
        }
        close(connection, failure: nil)
        for request in again.reversed() { requeue(request) }
        keepMinimum()
    }

    func release(_ lease: Lease) {
        guard let connection = lease.connection else { return }
        lease.connection = nil
        connection.lease = nil
        if connection.isTainted { return reset(connection) }
        if connection.isIdle { settle(connection) }
    }

    /// What to do with a connection that has nothing in flight any more.
    func settle(_ connection: DriverConnection) {
        connection.idleSince = now
        if connection.cancelArrived {
            connection.isCancelling = false
            connection.cancelArrived = false
        }
        connection.cancelAt = nil
        guard connection.lease == nil else { return }
        // Only an interactive transaction that was not ended properly gets here with one open.
        guard PQtransactionStatus(connection.handle) == PQTRANS_IDLE, !connection.isRetiring else {
            close(connection, failure: nil)
            return keepMinimum()
        }
        if let request = connection.reservation, !connection.isCancelling {
            connection.reservation = nil
            grant(connection, to: request)
        }
        scheduleIdleCheck()
    }

    private func scheduleIdleCheck() {
        if connections.count > configuration.minimumConnections { schedule(now + configuration.idleLifetime.wholeNanoseconds) }
        if let lifetime = configuration.maximumLifetime { schedule(now + lifetime.wholeNanoseconds) }
    }

    /// Closes connections that have been idle or open for too long.
    func closeSurplus() {
        let idleLifetime = configuration.idleLifetime.wholeNanoseconds
        let lifetime = configuration.maximumLifetime?.wholeNanoseconds ?? .max
        var remaining = connections.count
        for connection in connections {
            if now - connection.createdAt >= lifetime { connection.isRetiring = true }
            guard connection.isIdle, connection.lease == nil, connection.reservation == nil, !connection.isCancelling else { continue }
            let isSurplus = remaining > configuration.minimumConnections
            if connection.isRetiring || (isSurplus && now - connection.idleSince >= idleLifetime) {
                remaining -= 1
                close(connection, failure: nil)
            } else {
                if isSurplus { schedule(connection.idleSince + idleLifetime) }
                if lifetime != .max { schedule(connection.createdAt + lifetime) }
            }
        }
        keepMinimum()
    }
}
