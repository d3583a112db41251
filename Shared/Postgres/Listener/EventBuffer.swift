import Synchronization

/// A bounded queue between the listener's thread and one consumer.
///
/// When the consumer is too slow, everything waiting is replaced by `.disconnected`, `.connected`: it reads everything again, as
/// after a lost connection, and no gap goes unnoticed.
final class EventBuffer: Sendable {
    private struct State {
        var events = Ring<PostgresEvent>()
        var isConnected = false
        var isFinished = false
        var consumer: CheckedContinuation<PostgresEvent?, Never>?
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) {
        self.limit = max(2, limit)
    }

    func append(_ event: PostgresEvent) {
        let consumer = state.withLock { state -> CheckedContinuation<PostgresEvent?, Never>? in
            if state.isFinished { return nil }
            switch event {
            case .connected: state.isConnected = true
            case .disconnected: state.isConnected = false
            case .notification, .heartbeat: break
            }
            if let consumer = state.consumer.take() { return consumer }
            if state.events.count >= limit {
                if case .heartbeat = event { return nil }
                state.events = Ring()
                state.events.append(.disconnected)
                if state.isConnected { state.events.append(.connected) }
            } else {
                state.events.append(event)
            }
            return nil
        }
        consumer?.resume(returning: event)
    }

    func finish() {
        let consumer = state.withLock { state -> CheckedContinuation<PostgresEvent?, Never>? in
            state.isFinished = true
            return state.consumer.take()
        }
        consumer?.resume(returning: nil)
    }

    /// The next event; nil at the end or when the task is cancelled.
    func next() async -> PostgresEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (event, isReady, displaced) = state.withLock {
                    state -> (PostgresEvent?, Bool, CheckedContinuation<PostgresEvent?, Never>?) in
                    if Task.isCancelled { return (nil, true, nil) }
                    if let event = state.events.popFirst() { return (event, true, nil) }
                    if state.isFinished { return (nil, true, nil) }
                    let displaced = state.consumer.take()
                    state.consumer = continuation
                    return (nil, false, displaced)
                }
                displaced?.resume(returning: nil)
                if isReady { continuation.resume(returning: event) }
            }
        } onCancel: {
            state.withLock { $0.consumer.take() }?.resume(returning: nil)
        }
    }
}
