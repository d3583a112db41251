internal import CLibPQ

extension DriverLoop {
    /// Times a request may be sent, if the server rolled back each earlier attempt.
    static let maximumAttempts = 5
    /// A connection whose oldest request takes longer than this gets no followers: they would wait behind it.
    private static let slowAfter: Int64 = 25_000_000
    /// While a connection's oldest request is younger than this, sharing the connection beats opening another one.
    private static let quickWithin: Int64 = 2_000_000

    func accept(_ request: Request) {
        if request.isCancelled { return request.finish(CancellationError()) }
        if case .leased(let lease) = request.kind {
            guard let connection = lease.connection else {
                return request.finish(PostgresError.connectionLost(mayHaveRun: false))
            }
            note(request)
            send(request, on: connection)
            return
        }
        if isDraining { return request.finish(PostgresError.closed) }
        if isUnavailable { return request.finish(backoff.lastError) }
        if waiting >= configuration.maximumQueueLength {
            return request.finish(PostgresError.queueFull(limit: configuration.maximumQueueLength))
        }
        note(request)
        // The common case, without a detour through the queue.
        if waiting == 0, request.isSociable, let connection = pickConnection() {
            send(request, on: connection)
            return
        }
        request.acquisitionDeadline = now &+ acquisitionNanoseconds
        schedule(request.acquisitionDeadline)
        request.state = .queued
        waiting += 1
        queue.append(request)
    }

    private func note(_ request: Request) {
        guard let timeout = request.timeout else { return }
        request.deadline = now &+ timeout.wholeNanoseconds
        timed.append(request)
        schedule(request.deadline)
    }

    /// To the head of the queue, with the deadlines it has.
    func requeue(_ request: Request) {
        request.forgetResults()
        if request.acquisitionDeadline == .max {
            request.acquisitionDeadline = now &+ acquisitionNanoseconds
        }
        schedule(request.acquisitionDeadline)
        request.state = .queued
        waiting += 1
        queue.prepend(request)
    }

    /// Gives waiting requests to connections, oldest first.
    func dispatch() {
        while let request = queue.first {
            if request.isDone {
                queue.popFirst()
                continue
            }
            if request.isSociable {
                guard let connection = pickConnection() else { break }
                queue.popFirst()
                waiting -= 1
                send(request, on: connection)
            } else {
                guard serveAlone(request) else { break }
                queue.popFirst()
                waiting -= 1
            }
        }
        if waiting > 0 {
            // Quick statements are served best by few connections with full pipelines: one more at a time then, and no more than that takes.
            let quick = averageService < Self.quickWithin ? connections.count { isQuick($0) } : 0
            let expected = connecting + connections.count { $0.isBeingReset }
            let isBroadEnough = quick >= breadth.limit && queue.first?.isSociable == true
            let wanted = quick == 0 ? min(room, waiting - expected) : isBroadEnough ? 0 : min(1 - connecting, room)
            for _ in 0..<max(0, wanted) { connect() }
        } else if connections.isEmpty {
            keepMinimum()
        }
    }

    private func isQuick(_ connection: DriverConnection) -> Bool {
        connection.isShared && now &- connection.headSince < Self.quickWithin
    }

    /// An idle connection, or else the one with least in flight that is not held up by a slow statement, among as many as serve quick statements
    /// best. While statements are slow in general and more connections can be had, none: working side by side is worth the wait for a connection.
    private func pickConnection() -> DriverConnection? {
        var best: DriverConnection?
        var quick = 0
        let isQuick = averageService < Self.quickWithin
        let mayShare = isQuick || room + connecting <= 0 || backoff.firstFailure != nil
        for connection in connections where connection.isShared {
            let count = connection.inFlight.count
            if count == 0 { return connection }
            let age = now &- connection.headSince
            if mayShare, count < configuration.maximumPipelineDepth, age < Self.slowAfter, best.map({ count < $0.inFlight.count }) ?? true {
                best = connection
            }
            if isQuick, age < Self.quickWithin {
                quick += 1
                if quick == breadth.limit { return best }
            }
        }
        if let best, connecting == 0, room > 0, now &- best.headSince > Self.quickWithin { connect() }
        return best
    }

    /// Gives the request an idle connection, or reserves the one that will be idle first if no more can be opened.
    /// - Returns: false if it has to wait in the queue.
    private func serveAlone(_ request: Request) -> Bool {
        var best: DriverConnection?
        for connection in connections where connection.isShared {
            if connection.isIdle {
                grant(connection, to: request)
                return true
            }
            if let current = best, current.inFlight.count <= connection.inFlight.count { continue }
            best = connection
        }
        guard room <= 0, connecting == 0, let best else { return false }
        best.reservation = request
        return true
    }

    func grant(_ connection: DriverConnection, to request: Request) {
        guard !request.isDone else { return }
        if case .lease(let lease) = request.kind {
            lease.connection = connection
            connection.lease = lease
            request.finish()
        } else {
            connection.servesAlone = true
            send(request, on: connection)
        }
    }

    // MARK: - Sending

    private static let begin = SQLStatement("BEGIN")

    /// Sends the whole unit and its Sync.
    func send(_ request: Request, on connection: DriverConnection) {
        if connection.isIdle { connection.headSince = now }
        request.state = .sent(connection)
        request.attempts += 1
        request.isSent = false
        connection.inFlight.append(request)
        inFlight += 1
        if inFlight == 1 { scheduleStallCheck() }
        guard put(request, on: connection), PQpipelineSync(connection.handle) == 1 else {
            return lost(connection)
        }
        request.isSent = true
        connection.steps.append(DriverConnection.Step(kind: .sync, prepared: nil))
        switch request.kind {
        case .unit where request.settings.resetsSession:
            connection.isTainted = true
            reset(connection)
        case .leased(let lease) where lease.settings.resetsSession:
            // Reset when it is given back.
            connection.isTainted = true
            flush(connection)
        default: flush(connection)
        }
    }

    private func put(_ request: Request, on connection: DriverConnection) -> Bool {
        for statement in connection.prepared.takeLeaving() {
            guard deallocate(statement, on: connection) else { return false }
        }
        var settings = request.settings
        if case .leased(let lease) = request.kind, !lease.hasBegun {
            lease.hasBegun = true
            scratch.encode([])
            guard put(Self.begin, as: .discard, on: connection) else { return false }
            settings = lease.settings
        }
        if !settings.settings.isEmpty {
            scratch.encode(settings)
            guard put(TransactionSettings.statement(count: settings.settings.count), as: .discard, on: connection) else { return false }
        }
        scratch.encode(request.first.parameters)
        guard put(request.first.statement, as: .result, on: connection) else { return false }
        for bound in request.rest {
            scratch.encode(bound.parameters)
            guard put(bound.statement, as: .result, on: connection) else { return false }
        }
        return true
    }

    /// Sends one statement with the parameters in `scratch`, after its Parse if the connection does not know it yet.
    private func put(_ statement: SQLStatement, as kind: DriverConnection.Step.Kind, on connection: DriverConnection) -> Bool {
        let prepared: PreparedStatement
        if let known = connection.prepared.find(statement) {
            prepared = known
        } else {
            prepared = connection.prepared.make(statement)
            guard prepare(prepared, on: connection) else { return false }
        }
        connection.steps.append(DriverConnection.Step(kind: kind, prepared: prepared))
        return PQsendQueryPrepared(
            connection.handle, prepared.name, Int32(scratch.count), scratch.pointers, scratch.lengths, scratch.formats, 1) == 1
    }

    private func prepare(_ prepared: PreparedStatement, on connection: DriverConnection) -> Bool {
        connection.steps.append(DriverConnection.Step(kind: .prepare, prepared: prepared))
        let types = prepared.statement.parameterTypes.map(\.rawValue)
        return PQsendPrepare(connection.handle, prepared.name, prepared.statement.text, Int32(types.count), types) == 1
    }

    private func deallocate(_ prepared: PreparedStatement, on connection: DriverConnection) -> Bool {
        connection.steps.append(DriverConnection.Step(kind: .deallocate, prepared: prepared))
        return PQsendQueryParams(
            connection.handle, "DEALLOCATE \(String(cString: prepared.name))", 0, nil, nil, nil, nil, 0) == 1
    }

    /// Writes what the socket takes, and asks to be told when it takes the rest.
    func flush(_ connection: DriverConnection) {
        let pending = PQflush(connection.handle)
        guard pending >= 0 else { return }  // The read side finds out and says why.
        let wantsWrite = pending > 0
        guard wantsWrite != connection.wantsWrite else { return }
        connection.wantsWrite = wantsWrite
        poller.update(connection.socket, token: connection.token, wantsWrite: wantsWrite)
    }
}
