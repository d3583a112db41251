internal import HTTPTypes
internal import Hummingbird
internal import Synchronization
public import Telemetry

/// Decides which requests are recorded as traces, and begins their spans.
///
/// A trace that the gateway began, or that a caller did not record, is recorded for a fixed share of all trace ids: every service decides
/// alike. One that a caller records is recorded too, within ``maximumAskedForPerSecond``: everybody can set that flag.
public final class Tracer: Sendable {
    private static let maximumAskedForPerSecond = 100

    private struct Budget {
        var second: Int64 = 0
        var left = 0
    }

    public let queue: SpanQueue
    /// Trace ids whose low half is below this are recorded.
    private let threshold: UInt64
    private let recordsAll: Bool
    private let budget = Mutex(Budget())

    /// - Parameter ratio: the share of traces that is recorded, 0 to 1.
    public init(ratio: Double, queue: SpanQueue = SpanQueue()) {
        self.queue = queue
        recordsAll = ratio >= 1
        threshold = recordsAll ? .max : UInt64(max(0, ratio) * 0x1p64)
    }

    /// - Returns: nil where the request is not recorded.
    func begin(_ request: Request) -> Span? {
        guard let caller = request.headers[.traceparent].flatMap({ TraceContext($0) }) else {
            let trace = TraceID(high: .random(in: 1 ... .max), low: .random(in: .min ... .max))
            return isChosen(trace) ? Span(of: trace, parent: nil, kind: .server, to: queue) : nil
        }
        guard isChosen(caller.traceID) || (caller.isSampled && isWithinBudget()) else { return nil }
        return Span(of: caller.traceID, parent: caller.isGateways ? nil : caller.spanID, kind: .server, to: queue)
    }

    private func isChosen(_ trace: TraceID) -> Bool { recordsAll || trace.low < threshold }

    private func isWithinBudget() -> Bool {
        let second = MonotonicTime.nanoseconds / 1_000_000_000
        return budget.withLock { budget in
            if budget.second != second { budget = Budget(second: second, left: Self.maximumAskedForPerSecond) }
            budget.left -= 1
            return budget.left >= 0
        }
    }
}

extension TraceContext {
    /// The gateway begins a trace with a span whose id is the first half of the trace's. It records nothing itself, so the service's span
    /// is the first of the trace.
    fileprivate var isGateways: Bool { spanID.rawValue == traceID.high && !isSampled }
}
