/// One libpq connection in pipeline mode, with what is in flight on it. Confined to the driver's thread.
final class DriverConnection {
    /// What the next results belong to.
    struct Step {
        enum Kind: UInt8 {
            case prepare
            case discard
            case result
            case deallocate
            case sync
        }

        let kind: Kind
        let prepared: PreparedStatement?
    }

    let handle: OpaquePointer
    let socket: Int32
    let token: UInt64
    let createdAt: Int64
    var prepared: PreparedStatements

    var inFlight = Ring<Request>(capacity: 8)
    var steps = Ring<Step>(capacity: 32)
    /// When the oldest request in flight became the one the server works on.
    var headSince: Int64 = 0
    var idleSince: Int64

    var lease: Lease?
    /// A request that gets this connection to itself once it has drained.
    var reservation: Request?
    /// The request in flight wants no followers.
    var servesAlone = false
    /// Something may have been left behind in the session, and has not been taken away yet.
    var isTainted = false
    /// The request of the head was given up; the server is told at this time if it is still at it.
    var cancelAt: Int64?
    /// A cancel request is on its way: it may hit whatever runs when it arrives.
    var isCancelling = false
    var cancelArrived = false
    /// Takes no new requests, and is closed when idle.
    var isRetiring = false
    /// The server announced the end of the session.
    private(set) var sessionEnded = false
    /// It did so in a way that tells that whatever it has not confirmed was not committed.
    private(set) var sessionEndedUncommitted = false
    /// A COPY was started, which a pipeline cannot take.
    var isCopying = false
    var wantsWrite = false
    var emptyReads = 0

    init(handle: OpaquePointer, socket: Int32, token: UInt64, now: Int64, preparedLimit: Int) {
        self.handle = handle
        self.socket = socket
        self.token = token
        createdAt = now
        idleSince = now
        prepared = PreparedStatements(limit: preparedLimit)
    }

    /// May take requests of anybody.
    var isShared: Bool {
        lease == nil && reservation == nil && !servesAlone && !isTainted && !isCancelling && cancelAt == nil && !isRetiring
    }

    var isIdle: Bool { inFlight.isEmpty }

    /// Will be clean and shared in a moment.
    var isBeingReset: Bool { isTainted && lease == nil && inFlight.first?.isReset == true }

    /// Takes note if the report says that the session is over.
    func note(_ error: ServerError) {
        guard error.endsSession else { return }
        sessionEnded = true
        sessionEndedUncommitted = error.endsSessionUncommitted
    }
}
