internal import CLibPQ

extension DriverLoop {
    /// Reads what has arrived and hands out the results.
    func read(_ connection: DriverConnection) {
        var isBroken = PQconsumeInput(connection.handle) == 0
        drain(connection)
        while !isBroken, sp_tls_pending(connection.handle) > 0 {
            isBroken = PQconsumeInput(connection.handle) == 0
            drain(connection)
        }
        if connection.isCopying { return refuseCopy(on: connection) }
        if isBroken || connection.sessionEnded || PQstatus(connection.handle) == CONNECTION_BAD { return lost(connection) }
        if connection.wantsWrite { flush(connection) }
        if connection.isIdle, connection.lease == nil { settle(connection) }
    }

    private func drain(_ connection: DriverConnection) {
        // Also in an idle connection: notices and parameter changes are digested by the check itself.
        while !connection.isCopying, PQisBusy(connection.handle) == 0, let step = connection.steps.first {
            guard let result = PQgetResult(connection.handle) else {
                guard endOfResults(step, connection) else { return }
                continue
            }
            connection.emptyReads = 0
            receive(result, step: step, on: connection)
        }
    }

    /// A statement's results are complete; after an error at the Sync itself there is one such mark too many.
    /// - Returns: false if libpq has nothing more to say although something is expected.
    private func endOfResults(_ step: DriverConnection.Step, _ connection: DriverConnection) -> Bool {
        if step.kind != .sync {
            connection.steps.popFirst()
            return true
        }
        connection.emptyReads += 1
        return connection.emptyReads < 3
    }

    private func receive(_ result: OpaquePointer, step: DriverConnection.Step, on connection: DriverConnection) {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if step.kind == .result, let request = connection.inFlight.first, !request.isDone {
                request.append(ResultHandle(result))
                return
            }
        case PGRES_PIPELINE_SYNC:
            connection.steps.popFirst()
            completeHead(of: connection)
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            connection.isCopying = true
        case PGRES_PIPELINE_ABORTED:
            switch (step.kind, step.prepared) {
            case (.prepare, let prepared?): connection.prepared.remove(prepared, isKnownToServer: false)
            case (.deallocate, let prepared?): connection.prepared.leaveAgain(prepared)
            default: break
            }
        default:
            receiveError(result, step: step, on: connection)
        }
        PQclear(result)
    }

    /// COPY's data do not fit into a pipeline, and there is no way back from it but a new connection.
    private func refuseCopy(on connection: DriverConnection) {
        if let request = connection.inFlight.popFirst() {
            inFlight -= 1
            request.finish(PostgresError.protocolViolation("COPY is not supported"))
        }
        lost(connection)
    }

    private func receiveError(_ result: OpaquePointer, step: DriverConnection.Step, on connection: DriverConnection) {
        let error = ServerError(result: result)
        connection.note(error)
        guard error.comesFromServer else { return }
        if let request = connection.inFlight.first, request.serverError == nil { request.serverError = error }
        guard let prepared = step.prepared else { return }
        if step.kind == .prepare {
            connection.prepared.remove(prepared, isKnownToServer: false)
        } else if error.isCuredByPreparingAgain {
            connection.prepared.remove(prepared, isKnownToServer: error.sqlState == .featureNotSupported)
        }
    }

    /// The unit's Sync was answered: its transaction is over.
    private func completeHead(of connection: DriverConnection) {
        guard let request = connection.inFlight.popFirst() else { return }
        inFlight -= 1
        let service = now &- connection.headSince
        if !request.isDone { request.service = service }
        answered += 1
        serviceNanoseconds += Int(service)
        // What runs alone says nothing about those that share.
        if request.isAlone {
            connection.servesAlone = false
        } else if !request.isReset {
            averageService += (service &- averageService) / 16
            if inFlight + waiting >= breadth.limit { breadth.note(service) }
        }
        connection.headSince = now
        connection.cancelAt = nil
        if let next = connection.inFlight.first, next.isDone { scheduleCancel(on: connection) }
        conclude(request, on: connection)
    }

    private func conclude(_ request: Request, on connection: DriverConnection) {
        if request.isReset { return concludeReset(request, on: connection) }
        guard !request.isDone else { return }
        guard let error = request.serverError else { return request.finish() }
        let isInnocent = connection.isCancelling && error.sqlState == .queryCanceled
        if request.isUnit, isInnocent || error.isCuredByPreparingAgain, request.attempts < Self.maximumAttempts {
            return requeue(request)
        }
        request.finish(PostgresError.server(error))
    }
}
