internal import CLibPQ
import Glibc

/// One connection outside the pool, driven by the thread that made it, which may block.
final class BlockingConnection {
    let handle: OpaquePointer

    init(_ target: ConnectionTarget) throws(PostgresError) {
        handle = try target.connect().pointer
    }

    deinit {
        PQfinish(handle)
    }

    var socket: Int32 { PQsocket(handle) }

    /// Runs a script of any number of statements by the simple query protocol: one implicit transaction unless it has its own.
    /// - Returns: the last statement's rows, as text.
    @discardableResult
    func execute(_ script: String) throws(PostgresError) -> [[String?]] {
        try rows(of: PQexec(handle, script))
    }

    /// Runs one statement with text parameters.
    @discardableResult
    func query(_ sql: String, _ parameters: [String]) throws(PostgresError) -> [[String?]] {
        var values = parameters.map { UnsafePointer(strdup($0)) }
        defer { for value in values { free(UnsafeMutablePointer(mutating: value)) } }
        return try rows(of: PQexecParams(handle, sql, Int32(values.count), nil, &values, nil, nil, 0))
    }

    private func rows(of result: OpaquePointer?) throws(PostgresError) -> [[String?]] {
        guard let result else { throw .connectionLost(mayHaveRun: true) }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            let columns = PQnfields(result)
            return (0..<PQntuples(result)).map { row in
                (0..<columns).map { column in
                    PQgetisnull(result, row, column) != 0 ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
                }
            }
        default:
            let error = ServerError(result: result)
            guard error.comesFromServer else { throw .connectionLost(mayHaveRun: true) }
            throw .server(error)
        }
    }

    var isInTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INTRANS }

    // MARK: - Notifications

    /// Reads what has arrived without waiting.
    /// - Returns: false if the connection is lost.
    func consumeInput() -> Bool {
        PQconsumeInput(handle) == 1 && PQstatus(handle) == CONNECTION_OK
    }

    func nextNotification() -> (channel: String, payload: String)? {
        guard let notification = PQnotifies(handle) else { return nil }
        defer { PQfreemem(notification) }
        let channel = notification.pointee.relname.map { String(cString: $0) } ?? ""
        let payload = notification.pointee.extra.map { String(cString: $0) } ?? ""
        return (channel, payload)
    }

    /// Sends a statement without waiting for the answer.
    func send(_ sql: String) -> Bool {
        PQsendQuery(handle, sql) == 1
    }

    /// Takes the answers that have arrived.
    /// - Returns: true when the statement sent last is complete.
    func finishSent() -> Bool {
        while PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else { return true }
            PQclear(result)
        }
        return false
    }
}
