internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Turns

extension ConnectionHandler {
    /// A piece of an answer up to this length is copied behind what comes before it, and goes out with it.
    private static let copiedBytes = 16_384

    /// How far an answer has come.
    struct Answer {
        var isBegun = false
        var isEnded = false
        var framing = AnswerFraming.head
        /// Bytes of the body to come, where its length is told.
        var remaining = 0
        /// Bytes that are not written yet: they go with what follows.
        var waiting = ByteBuffer()
    }

    func write(_ response: Response, to request: Request) async throws {
        guard !isOver, !isDeserted else { throw ChannelError.ioOnClosedChannel }
        // RFC 9110 §6.4.1: these end with their head, and 205 has an empty body.
        switch response.status {
        case _ where request.method == .head, .noContent, .notModified:
            beginAnswer(response.head, .head)
            try endAnswer(nil)
        case .resetContent:
            beginAnswer(response.head, .length(0))
            try endAnswer(nil)
        default:
            beginAnswer(response.head, AnswerFraming(length: response.body.contentLength, knowsChunks: knowsChunks))
            try await response.body.write(AnswerWriter(connection: self))
            guard answer.isEnded else { throw ChannelError.ioOnClosedChannel }
        }
    }

    private func beginAnswer(_ head: HTTPResponse, _ framing: AnswerFraming) {
        // The one before, of a client that does not wait for answers, goes out whatever becomes of this one.
        deliver()
        closesAfterAnswer = closesAfterAnswer || load.isDraining || framing == .connection || head.headerFields[.connection] == "close"
        answer.isBegun = true
        answer.framing = framing
        let length = if case .length(let length) = framing { length } else { 0 }
        answer.remaining = length
        var bytes = channel.allocator.buffer(capacity: 512 + (length <= Self.copiedBytes ? length : 0))
        bytes.writeAnswerHead(head, framing: framing, isLast: closesAfterAnswer, date: executor.date.text)
        answer.waiting = bytes
    }

    /// Writes a piece of the body, and waits while the client is behind.
    func write(_ bytes: ByteBuffer) async throws {
        guard !isOver, !isDeserted, !answer.isEnded else { throw ChannelError.ioOnClosedChannel }
        guard bytes.readableBytes > 0 else { return }
        switch answer.framing {
        case .length:
            guard bytes.readableBytes <= answer.remaining else { throw AnswerLengthMismatch() }
            answer.remaining -= bytes.readableBytes
            append(bytes)
            // The last piece goes out with the end.
            if answer.remaining == 0 { return }
        case .chunked:
            answer.waiting.writeChunkHead(bytes.readableBytes)
            append(bytes)
            answer.waiting.writeStaticString("\r\n")
        case .connection: append(bytes)
        case .head: return
        }
        writeWaiting()
        context?.flush()
        guard !channel.isWritable else { return }
        try await untilWritable()
    }

    private func append(_ bytes: ByteBuffer) {
        if bytes.readableBytes <= Self.copiedBytes {
            answer.waiting.writeImmutableBuffer(bytes)
        } else {
            writeWaiting()
            put(bytes)
        }
    }

    private func writeWaiting() {
        guard answer.waiting.readableBytes > 0 else { return }
        put(answer.waiting)
        answer.waiting = ByteBuffer()
    }

    func put(_ bytes: ByteBuffer) {
        written += bytes.readableBytes
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    /// Sends answers that are complete.
    func deliver() {
        guard hasDelivery else { return }
        hasDelivery = false
        context?.flush()
    }

    func untilWritable() async throws {
        try await withCheckedThrowingContinuation { self.waiter = $0 }
    }

    /// Writes the end, and closes the connection where the answer was its last.
    func endAnswer(_ trailers: HTTPFields?) throws {
        guard !isOver, !isDeserted, !answer.isEnded, let context else { throw ChannelError.ioOnClosedChannel }
        guard answer.remaining == 0 else { throw AnswerLengthMismatch() }
        if answer.framing == .chunked { answer.waiting.writeChunksEnd(trailers) }
        answer.isEnded = true
        writeWaiting()
        if closesAfterAnswer {
            finish(context)
        } else if channel.isWritable {
            hasDelivery = true
            Turn.deliver(self)
        } else {
            context.flush()
        }
    }
}

/// A body is longer or shorter than its answer's head says.
struct AnswerLengthMismatch: Error {}

/// Writes an answer's body, from wherever it is made.
private struct AnswerWriter: ResponseBodyWriter {
    let connection: ConnectionHandler

    @concurrent mutating func write(_ buffer: ByteBuffer) async throws {
        try await connection.write(buffer)
    }

    @concurrent mutating func write(contentsOf buffers: some Sequence<ByteBuffer>) async throws {
        for buffer in buffers { try await connection.write(buffer) }
    }

    @concurrent consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try connection.endAnswer(trailingHeaders)
    }
}
