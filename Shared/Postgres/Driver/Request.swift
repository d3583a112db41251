/// One unit of work for a connection: what goes before one Sync.
///
/// `@unchecked Sendable`: the submitting task owns it until it is handed to the driver, the driver's thread until the continuation
/// is resumed, and the task again after that.
final class Request: @unchecked Sendable {
    typealias Bound = (statement: SQLStatement, parameters: [SQLParameter])

    enum Kind {
        /// Statements in an implicit transaction of their own.
        case unit
        /// Statements of an interactive transaction, on its connection.
        case leased(Lease)
        /// Waits for a connection of its own.
        case lease(Lease)
        /// The driver's own: takes away what a request may have left behind in the session.
        case reset
    }

    enum State {
        case new
        case queued
        case sent(DriverConnection)
        /// Its task was resumed; if it was sent, its results are still to come and are dropped.
        case done
    }

    let kind: Kind
    let settings: TransactionSettings
    let first: Bound
    let rest: [Bound]
    let timeout: Duration?
    /// Whether it shares no connection while it runs: nothing waits behind it.
    let isAlone: Bool

    var continuation: UnsafeContinuation<Void, Never>?
    var state = State.new
    var isCancelled = false
    var attempts = 0
    /// Whether its Sync has left libpq: without it nothing is committed.
    var isSent = false
    /// When waiting for a connection ends, and when the query's own timeout ends; monotonic nanoseconds.
    var acquisitionDeadline = Int64.max
    var deadline = Int64.max

    var firstResult: ResultHandle?
    var restResults: [ResultHandle] = []
    /// How long the server worked on it, in nanoseconds; without the time it waited behind others. Nil: its task did not await the answer.
    var service: Int64?
    var failure: (any Error)?
    /// The server's report on this attempt, while the rest of the unit drains.
    var serverError: ServerError?

    init(kind: Kind, settings: TransactionSettings, first: Bound, rest: [Bound] = [], timeout: Duration? = nil, isAlone: Bool = false) {
        self.kind = kind
        self.settings = settings
        self.first = first
        self.rest = rest
        self.timeout = timeout
        self.isAlone = isAlone
    }

    var isDone: Bool {
        if case .done = state { true } else { false }
    }

    var isUnit: Bool {
        if case .unit = kind { true } else { false }
    }

    var isReset: Bool {
        if case .reset = kind { true } else { false }
    }

    /// Whether it can join others on a connection.
    var isSociable: Bool { isUnit && !isAlone }

    func forgetResults() {
        firstResult = nil
        restResults.removeAll()
        serverError = nil
    }

    func append(_ result: ResultHandle) {
        if firstResult == nil { firstResult = result } else { restResults.append(result) }
    }

    /// Ends the request, once.
    func finish(_ failure: (any Error)? = nil) {
        if case .done = state { return }
        state = .done
        self.failure = failure
        let continuation = continuation.take()
        continuation?.resume()
    }
}

/// The right to use one connection alone.
///
/// `@unchecked Sendable`: the fields belong to the driver's thread.
final class Lease: @unchecked Sendable {
    let settings: TransactionSettings
    var connection: DriverConnection?
    /// Whether BEGIN has been sent; it goes with the first statement.
    var hasBegun = false

    init(settings: TransactionSettings) {
        self.settings = settings
    }
}
