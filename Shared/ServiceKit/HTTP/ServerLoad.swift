internal import HTTPTypes
internal import Metrics
internal import Synchronization

/// What a server takes on at once, and what it does not.
public struct ServerLimits: Sendable {
    /// Requests under way at once; what comes beyond is refused with 503.
    public var requests = 1024
    /// A request that would wait so long for its event loop, by estimate, is refused.
    public var patience: Duration = .milliseconds(500)
    /// A request that finds no place is refused so long after it came: who is refused at once asks again at once, and refusing would be all that
    /// the server does.
    public var holdBack: Duration = .milliseconds(500)
    /// With more requests than this under way or held back, that holds for those too that were begun and are answered 503.
    public var crowd = 64
    /// Bytes of bodies that requests under way have sent, together.
    public var bodyBytes = 128 * 1024 * 1024
    /// Of which one request counts so many at most: what is larger is not collected, but worked on as it arrives.
    public var countedBodyBytes = 1024 * 1024
    /// A request's head arrives so many seconds after its first byte.
    public var headSeconds = 10
    /// Seconds that a server waits for a body altogether, besides one for each `bytesPerSecond`; and for a client that does not take its answer.
    public var bodySeconds = 15
    public var answerSeconds = 30
    public var bytesPerSecond = 1024
    /// A connection without a request is closed after this time.
    public var idleTimeout: Duration = .seconds(75)
    /// Connections at once; more wait with the kernel.
    public var connections = 16_384
    /// While the server stops, a connection on which nothing happens is closed after this time: longer than any gateway keeps it for its next request.
    public var drainQuiet: Duration = .seconds(3)
    /// For so long after it was told to stop a server accepts connections, so that load balancers can see that it is not ready.
    public var drainNotice: Duration = .zero

    public init() {}

    /// `SALLYPORT_MAX_REQUESTS`, `…_MAX_CONNECTIONS`, `…_SHUTDOWN_NOTICE_MS` and `…_SHUTDOWN_QUIET_MS`.
    public init(_ settings: Settings) throws(SettingError) {
        requests = try settings.integer("MAX_REQUESTS", default: requests, in: 1...1_000_000)
        connections = try settings.integer("MAX_CONNECTIONS", default: connections, in: 1...1_000_000)
        drainNotice = .milliseconds(try settings.integer("SHUTDOWN_NOTICE_MS", default: 0, in: 0...25_000))
        drainQuiet = .milliseconds(try settings.integer("SHUTDOWN_QUIET_MS", default: 3000, in: 0...25_000))
    }
}

/// A server's requests under way, and whether it is about to stop.
final class ServerLoad: Sendable {
    let limits: ServerLimits
    /// The body of a 503, as JSON.
    let refusal: [UInt8]
    private let requests = Atomic<Int>(0)
    private let heldBack = Atomic<Int>(0)
    private let bodyBytes = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let hasRoom: HTTPService.Room
    private let tooMany, tooSlow, tooMuch, lineIsFull: Counter

    init(
        _ limits: ServerLimits, refusal: [UInt8], hasRoom: @escaping HTTPService.Room = { _ in true }, metrics: any MetricsFactory
    ) {
        self.limits = limits
        self.refusal = refusal
        self.hasRoom = hasRoom
        (metrics as? PrometheusRegistry)?
            .describe(
                "http_requests_shed_total",
                "Requests refused with 503 before they were begun, since the server had too much to do, by reason.")
        func counter(_ reason: String) -> Counter {
            Counter(label: "http_requests_shed_total", dimensions: [("reason", reason)], factory: metrics)
        }
        (tooMany, tooSlow, tooMuch, lineIsFull) = (counter("requests"), counter("delay"), counter("bodies"), counter("line"))
    }

    /// Whether every answer is its connection's last.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func drain() { draining.store(true, ordering: .relaxed) }

    /// Takes a request on.
    ///
    /// - Parameter delay: nanoseconds that it would wait for its event loop.
    /// - Returns: false where there is too much already.
    func admit(_ head: HTTPRequest, delay: Int64) -> Bool {
        if isCrowded, !hasRoom(head) {
            lineIsFull.increment()
            return false
        }
        if delay > limits.patience.nanoseconds {
            tooSlow.increment()
            return false
        }
        if requests.wrappingAdd(1, ordering: .relaxed).newValue > limits.requests {
            end()
            tooMany.increment()
            return false
        }
        return true
    }

    func end() { requests.wrappingSubtract(1, ordering: .relaxed) }

    /// Whether refusals are held back.
    var isCrowded: Bool { requests.load(ordering: .relaxed) + heldBack.load(ordering: .relaxed) > limits.crowd }

    func beginHoldingBack() { heldBack.wrappingAdd(1, ordering: .relaxed) }

    func endHoldingBack() { heldBack.wrappingSubtract(1, ordering: .relaxed) }

    /// Counts bytes of a body, to be given back with ``release(bodyBytes:)`` in any case.
    ///
    /// - Returns: whether there is room for them.
    func take(bodyBytes count: Int) -> Bool {
        guard bodyBytes.wrappingAdd(count, ordering: .relaxed).newValue > limits.bodyBytes else { return true }
        tooMuch.increment()
        return false
    }

    func release(bodyBytes count: Int) {
        if count > 0 { bodyBytes.wrappingSubtract(count, ordering: .relaxed) }
    }

    /// What must be answered however much there is to do.
    static func isHealth(_ path: String?) -> Bool {
        path == "/livez" || path == "/readyz" || path == "/metrics"
    }

    /// What mostly waits for something to happen, and is no work until then.
    static func isWaiting(_ path: String?) -> Bool {
        guard let path = path?.utf8 else { return false }
        return path.prefix { $0 != UInt8(ascii: "?") }.suffix(feed.count).elementsEqual(feed)
    }

    private static let feed = Array("/revocations".utf8)
}

extension Duration {
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
