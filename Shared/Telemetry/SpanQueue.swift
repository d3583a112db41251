internal import Synchronization

/// Spans that wait for their export: a bounded number, the newest dropped when there is no room.
public final class SpanQueue: Sendable {
    private struct State {
        var records: [SpanRecord] = []
        var recorded = 0
        var dropped = 0
    }

    private let state = Mutex(State())
    private let capacity: Int

    public init(capacity: Int = 2048) {
        self.capacity = capacity
    }

    func append(_ record: SpanRecord) {
        state.withLock { state in
            guard state.records.count < capacity else {
                state.dropped += 1
                return
            }
            state.recorded += 1
            state.records.append(record)
        }
    }

    /// Takes the oldest out of the queue.
    public func take(atMost count: Int) -> [SpanRecord] {
        state.withLock { state in
            guard state.records.count > count else {
                defer { state.records = [] }
                return state.records
            }
            defer { state.records.removeFirst(count) }
            return Array(state.records.prefix(count))
        }
    }

    /// Since the start, and how many wait.
    public var counts: (recorded: Int, dropped: Int, waiting: Int) {
        state.withLock { ($0.recorded, $0.dropped, $0.records.count) }
    }
}
