internal import Glibc
internal import Synchronization

/// One step of a recorded trace, from when it is made until ``end(_:failure:_:)``.
///
/// Only traces that are recorded have spans: where there is none, a step costs the look whether there is one.
public final class Span: Sendable {
    /// The span that the running task works for.
    @TaskLocal public static var current: Span?

    /// Steps of one request that are recorded at most: a file that is imported makes thousands.
    private static let maximumChildren = 128

    public enum Kind: Int, Sendable {
        case `internal` = 1
        case server = 2
        case client = 3
    }

    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
    }

    public let traceID: TraceID
    public let id: SpanID
    private let parent: SpanID?
    private let kind: Kind
    private let queue: SpanQueue
    private let startedAt: UInt64
    private let start: UInt64
    private let children = Atomic<Int>(0)
    private let hasEnded = Atomic<Bool>(false)

    /// - Parameter parent: nil for the first of its trace.
    public init(of traceID: TraceID, parent: SpanID?, kind: Kind, to queue: SpanQueue) {
        self.traceID = traceID
        self.parent = parent
        self.kind = kind
        self.queue = queue
        id = .random()
        startedAt = Self.nanoseconds(CLOCK_REALTIME)
        start = Self.nanoseconds(CLOCK_MONOTONIC)
    }

    /// What is sent to whoever is asked on behalf of this span.
    public var context: TraceContext { TraceContext(traceID: traceID, spanID: id, isSampled: true) }

    /// - Returns: nil where the trace has as many steps as are recorded of one.
    public func child(_ kind: Kind) -> Span? {
        guard children.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumChildren else { return nil }
        return Span(of: traceID, parent: id, kind: kind, to: queue)
    }

    /// Records the span; only the first end counts. Never blocks, never fails: where there is no room it is dropped and counted.
    ///
    /// - Parameters:
    ///   - name: of a closed set: a route, an operation; never a path or a value.
    ///   - failure: why it failed, of a closed set too; nil where it did not.
    public func end(_ name: String, failure: String? = nil, _ attributes: [(name: StaticString, value: Value)] = []) {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        let elapsed = Self.nanoseconds(CLOCK_MONOTONIC) - start
        queue.append(
            SpanRecord(
                traceID: traceID, id: id, parent: parent, kind: kind, name: name, startedAt: startedAt, endedAt: startedAt + elapsed,
                failure: failure, attributes: attributes))
    }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// A span that has ended.
public struct SpanRecord: Sendable {
    public let traceID: TraceID
    public let id: SpanID
    public let parent: SpanID?
    public let kind: Span.Kind
    public let name: String
    /// Nanoseconds since 1970.
    public let startedAt: UInt64
    public let endedAt: UInt64
    public let failure: String?
    public let attributes: [(name: StaticString, value: Span.Value)]
}
