internal import CLibPQ
import Glibc
import Synchronization

/// A few chunks between the thread that reads rows and the task that passes them on.
///
/// A full queue holds the thread up, and with it the server: what is under way never takes more memory than the queue.
final class ChunkQueue: Sendable {
    private struct State {
        var chunks = Ring<[UInt8]>(capacity: 4)
        var end: Result<Void, any Error>?
        var isAbandoned = false
        var consumer: CheckedContinuation<[UInt8]?, any Error>?
        var abandon: (@Sendable () -> Void)?
    }

    private static let limit = 4

    private let state = Mutex(State())
    /// Tells the thread that there is room again, or that nobody wants more.
    private let room = sp_eventfd()

    deinit { close(room) }

    // MARK: - The thread

    /// - Parameter action: called once, on another thread, when nobody wants more; not called after ``finish(_:)``.
    func whenAbandoned(_ action: @escaping @Sendable () -> Void) {
        let isAbandoned = state.withLock { state in
            if !state.isAbandoned { state.abandon = action }
            return state.isAbandoned
        }
        if isAbandoned { action() }
    }

    enum Push {
        case taken
        case abandoned
        /// Nobody took a chunk for so long.
        case stalled
    }

    /// Blocks while the queue is full.
    func push(_ chunk: [UInt8], patience: Duration) -> Push {
        let deadline = monotonicNow() &+ patience.wholeNanoseconds
        while true {
            enum Step {
                case give(CheckedContinuation<[UInt8]?, any Error>)
                case stored
                case abandoned
                case full
            }
            let step = state.withLock { state -> Step in
                if state.isAbandoned { return .abandoned }
                if let consumer = state.consumer.take() { return .give(consumer) }
                guard state.chunks.count < Self.limit else { return .full }
                state.chunks.append(chunk)
                return .stored
            }
            switch step {
            case .give(let consumer):
                consumer.resume(returning: chunk)
                return .taken
            case .stored: return .taken
            case .abandoned: return .abandoned
            case .full:
                let milliseconds = (deadline - monotonicNow() + 999_999) / 1_000_000
                guard milliseconds > 0 else { return .stalled }
                var descriptor = pollfd(fd: room, events: Int16(POLLIN), revents: 0)
                _ = poll(&descriptor, 1, Int32(clamping: milliseconds))
                var count: eventfd_t = 0
                if descriptor.revents != 0 { _ = eventfd_read(room, &count) }
            }
        }
    }

    /// - Parameter failure: what the consumer gets after the chunks that are there.
    func finish(_ failure: (any Error)? = nil) {
        let consumer = state.withLock { state in
            state.end = failure.map { .failure($0) } ?? .success(())
            state.abandon = nil
            return state.consumer.take()
        }
        if let failure { consumer?.resume(throwing: failure) } else { consumer?.resume(returning: nil) }
    }

    // MARK: - The task

    /// The next chunk; nil at the end.
    ///
    /// - Throws: what ended the stream; `CancellationError` when the task is cancelled, which abandons it.
    func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer = state.withLock { state -> Result<[UInt8]?, any Error>? in
                    if let chunk = state.chunks.popFirst() { return .success(chunk) }
                    if let end = state.end { return end.map { nil } }
                    if state.isAbandoned { return .failure(CancellationError()) }
                    state.consumer = continuation
                    return nil
                }
                if let answer {
                    eventfd_write(room, 1)
                    continuation.resume(with: answer)
                }
            }
        } onCancel: {
            abandon()
        }
    }

    /// Nobody wants more.
    func abandon() {
        let (consumer, action) = state.withLock { state in
            state.isAbandoned = true
            state.chunks = Ring(capacity: 1)
            return (state.consumer.take(), state.abandon.take())
        }
        eventfd_write(room, 1)
        consumer?.resume(throwing: CancellationError())
        action?()
    }
}
