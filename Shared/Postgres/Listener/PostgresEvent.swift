/// What a listener reports.
public enum PostgresEvent: Sendable, Hashable {
    /// Listening. Notifications sent before may have been missed: whoever keeps a copy of the data reads it again now.
    case connected
    /// From here on notifications are missed, until the next `.connected`.
    case disconnected
    case notification(channel: String, payload: String)
    /// The server answered what it was asked at the instant: every notification of what was committed before has been reported.
    case heartbeat(asked: ContinuousClock.Instant)
}

/// The events of one listener, for one consumer. It ends when the listener ends.
public struct PostgresEvents: AsyncSequence, Sendable {
    let buffer: EventBuffer

    public struct AsyncIterator: AsyncIteratorProtocol {
        let buffer: EventBuffer

        public mutating func next() async -> PostgresEvent? {
            await buffer.next()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> PostgresEvent? {
            await buffer.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(buffer: buffer) }
}
