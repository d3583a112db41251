internal import CLibPQ

/// Reads one statement's rows on a thread of its own, which may block.
struct StreamLoop: Sendable {
    /// Chunks end behind the row with which they reach this size.
    private static let chunkBytes = 64 * 1024

    let target: ConnectionTarget
    let settings: TransactionSettings
    let statement: SQLStatement
    let parameters: [SQLParameter]
    let patience: Duration

    func run(_ encoder: some RowEncoder, into queue: ChunkQueue) throws {
        let connection = try BlockingConnection(target)
        try connection.execute("BEGIN READ ONLY")
        try connection.query(
            TransactionSettings.statement(count: settings.settings.count).text, settings.settings.flatMap { [$0.name, $0.value] })
        let cancellation = connection.makeCancellation()
        queue.whenAbandoned { cancellation?.send() }
        let scratch = ParameterScratch()
        scratch.encode(parameters)
        try connection.sendForRows(statement, scratch)
        try read(connection, encoder, queue)
    }

    private func read(_ connection: BlockingConnection, _ encoder: some RowEncoder, _ queue: ChunkQueue) throws {
        var encoder = encoder
        var hasBegun = false
        var chunk: [UInt8] = []
        chunk.reserveCapacity(Self.chunkBytes + 4096)
        while let result = connection.nextResult() {
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            guard status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK else { throw failure(result, status) }
            let columnCount = Int(PQnfields(result))
            if !hasBegun {
                hasBegun = true
                let names = (0..<columnCount).map { PQfname(result, Int32($0)).map { String(cString: $0) } ?? "" }
                encoder.begin(columns: names, in: &chunk)
            }
            guard status == PGRES_SINGLE_TUPLE else { continue }
            encoder.append(StreamedRow(result, columnCount: columnCount), to: &chunk)
            guard chunk.count >= Self.chunkBytes else { continue }
            guard try push(&chunk, to: queue) else { return }
        }
        if !chunk.isEmpty { _ = try push(&chunk, to: queue) }
    }

    /// - Returns: false if nobody wants more.
    private func push(_ chunk: inout [UInt8], to queue: ChunkQueue) throws(PostgresError) -> Bool {
        switch queue.push(chunk, patience: patience) {
        case .taken:
            chunk = []
            chunk.reserveCapacity(Self.chunkBytes + 4096)
            return true
        case .abandoned: return false
        case .stalled: throw .timedOut(after: patience)
        }
    }

    private func failure(_ result: OpaquePointer, _ status: ExecStatusType) -> PostgresError {
        guard status == PGRES_FATAL_ERROR else { return .protocolViolation("a statement that is not a query was streamed") }
        let error = ServerError(result: result)
        return error.comesFromServer ? .server(error) : .connectionLost(mayHaveRun: true)
    }
}

extension BlockingConnection {
    /// Sends a statement whose rows come one by one, in text format.
    func sendForRows(_ statement: SQLStatement, _ scratch: ParameterScratch) throws(PostgresError) {
        let types = statement.parameterTypes.map(\.rawValue)
        let isSent = types.withUnsafeBufferPointer { types in
            PQsendQueryParams(
                handle, statement.text, Int32(scratch.count), types.count == scratch.count ? types.baseAddress : nil, scratch.pointers,
                scratch.lengths, scratch.formats, 0) == 1
        }
        guard isSent, PQsetSingleRowMode(handle) == 1 else { throw .connectionLost(mayHaveRun: false) }
    }

    func nextResult() -> OpaquePointer? { PQgetResult(handle) }

    func makeCancellation() -> StreamCancellation? {
        PQgetCancel(handle).map { StreamCancellation($0) }
    }
}

/// The means to cancel a connection's statement from another thread.
///
/// `@unchecked Sendable`: libpq lets any thread use the handle, which does not change; it is freed with the object.
final class StreamCancellation: @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) {
        self.handle = handle
    }

    deinit { PQfreeCancel(handle) }

    /// On a thread of its own, as it blocks. Where there is no room for one, the statement runs into its timeout.
    func send() {
        try? SystemThread.start(name: "postgres-cancel") { [self] in
            var message = [CChar](repeating: 0, count: 256)
            _ = PQcancel(handle, &message, Int32(message.count))
        }
    }
}
