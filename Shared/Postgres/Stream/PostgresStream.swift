/// The rows of one statement as text, in chunks of about 64 KB, for one consumer.
///
/// The rows come over a connection of their own and are read as fast as they are taken: memory does not grow with their number. The statement
/// is cancelled when the consuming task is, or when nobody holds the stream any more.
public final class PostgresStream: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    private let queue: ChunkQueue

    init(_ queue: ChunkQueue) {
        self.queue = queue
    }

    deinit { queue.abandon() }

    /// The next chunk; nil at the end.
    ///
    /// - Throws: `PostgresError`, `.timedOut` when no chunk was taken for too long; `CancellationError`.
    public func next() async throws -> [UInt8]? { try await queue.next() }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let stream: PostgresStream

        public mutating func next() async throws -> [UInt8]? { try await stream.next() }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? { try await stream.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }
}

extension Postgres {
    /// Streams the rows of one statement in a read-only transaction. It begins at once, without a connection of the pool.
    ///
    /// - Parameters:
    ///   - settings: hold in the transaction.
    ///   - timeout: the statement's own `statement_timeout`.
    ///   - patience: how long the stream waits for somebody to take a chunk.
    ///   - encoder: writes the rows.
    /// - Throws: `.invalidParameter`; `.unavailable` if there is no room for a thread. All else is thrown by the stream.
    public func stream(
        _ sql: SQL, settings: TransactionSettings, timeout: Duration, patience: Duration = .seconds(60), encoder: some RowEncoder
    ) throws(PostgresError) -> PostgresStream {
        let (statement, parameters) = sql.resolved()
        try Self.check(parameters)
        let settings = settings.adding("statement_timeout", String(timeout.wholeMilliseconds))
        try Self.check(settings)
        let loop = StreamLoop(
            target: try ConnectionTarget(configuration), settings: settings, statement: statement, parameters: parameters,
            patience: patience)
        let queue = ChunkQueue()
        try SystemThread.start(name: "postgres-stream") {
            do {
                try loop.run(encoder, into: queue)
                queue.finish()
            } catch {
                queue.finish(error)
            }
        }
        return PostgresStream(queue)
    }
}
