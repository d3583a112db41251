internal import NIOCore
internal import Synchronization

/// A request's body while it arrives, no faster than it is read. It is read once.
final class BodyStream: AsyncSequence, Sendable {
    /// Bytes that wait to be read, from which on nothing more is asked for.
    private static let fullAt = 262_144

    private struct State {
        var chunks = CircularBuffer<ByteBuffer>()
        var bytes = 0
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private let state = Mutex(State())
    private let wanted: @Sendable () -> Void

    /// - Parameter wanted: called, on any thread, when it is no longer full.
    init(wanted: @escaping @Sendable () -> Void) {
        self.wanted = wanted
    }

    /// Nothing more should be received for now.
    var isFull: Bool { state.withLock { $0.bytes >= Self.fullAt } }

    func receive(_ bytes: ByteBuffer) {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            if let reader = state.reader.take() { return reader }
            state.chunks.append(bytes)
            state.bytes += bytes.readableBytes
            return nil
        }
        reader?.resume(returning: bytes)
    }

    func finish() { end(.success(())) }

    func fail(_ error: any Error) { end(.failure(error)) }

    private func end(_ result: Result<Void, any Error>) {
        let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
            if state.end == nil { state.end = result }
            return state.reader.take()
        }
        reader?.resume(with: result.map { nil })
    }

    private func next() async throws -> ByteBuffer? {
        try await withCheckedThrowingContinuation { continuation in
            let (answer, isWanted) = state.withLock { state -> (Result<ByteBuffer?, any Error>?, Bool) in
                if let chunk = state.chunks.popFirst() {
                    let wasFull = state.bytes >= Self.fullAt
                    state.bytes -= chunk.readableBytes
                    return (.success(chunk), wasFull && state.bytes < Self.fullAt)
                }
                if let end = state.end { return (end.map { nil }, false) }
                state.reader = continuation
                return (nil, false)
            }
            if let answer { continuation.resume(with: answer) }
            if isWanted { wanted() }
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let stream: BodyStream

        @concurrent mutating func next() async throws -> ByteBuffer? { try await stream.next() }
    }
}
