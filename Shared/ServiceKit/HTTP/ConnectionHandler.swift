internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Keeps a connection within the server's limits: refuses requests that are too many and clients that are too slow, and ends the connection in
/// good order when the server stops.
///
/// While the server stops, each answer says `Connection: close` and is the connection's last. A connection without a request is not closed at
/// once, as a request may be on its way, but when nothing has happened on it for longer than a gateway would wait before using it again.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Reading {
        case nothing
        /// Bytes have come that are not a head yet.
        case head
        case body
        /// What is left of a request that was refused.
        case refused
    }

    private let load: ServerLoad
    private var context: ChannelHandlerContext?
    private var executor: EventLoopExecutor?

    private var reading = Reading.nothing
    /// Requests whose answers are not complete.
    private var requests = 0
    /// Whether the first of them counts as work of the server, and the bytes of its body that do.
    private var isCounted = false
    private var countedBodyBytes = 0
    private var isAnswering = false
    private var closesAfterAnswer = false
    /// Nothing more is read or written.
    private var isOver = false
    private var lastUse = NIODeadline.now()

    /// The socket has been asked for bytes.
    private var wantsBytes = false
    private var patience = Patience()
    /// Bytes of the answer that were written.
    private var written = 0
    /// In the event loop's watch.
    var place: Int?

    init(_ load: ServerLoad) {
        self.load = load
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        executor = EventLoopExecutor.of(context.eventLoop)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        giveBack()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        giveBack()
        context.fireChannelInactive()
    }

    private func giveBack() {
        isOver = true
        finishCounting()
        executor?.watch.remove(self)
    }

    private func finishCounting() {
        if isCounted { load.end() }
        load.release(bodyBytes: countedBodyBytes)
        isCounted = false
        countedBodyBytes = 0
    }

    // MARK: Requests

    /// Bytes have come, of whatever.
    func bytesArrived() {
        guard reading == .nothing, requests == 0, !isOver else { return }
        reading = .head
        patience = Patience()
        executor?.watch.add(self)
    }

    func read(context: ChannelHandlerContext) {
        wantsBytes = true
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wantsBytes = false
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isOver { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            // The answer to one of several pipelined requests has its turn, so only the first can be refused here.
            guard requests > 0 || isAdmitted(head) else { return refuse(head, context) }
            reading = .body
            patience = Patience()
            requests += 1
            executor?.watch.add(self)
        case .body(let bytes):
            if reading == .refused { return }
            patience.progress += bytes.readableBytes
            guard count(bytes.readableBytes) else { return end(with: .serviceUnavailable, context) }
        case .end:
            let isRefused = reading == .refused
            reading = .nothing
            if isRefused { return }
        }
        context.fireChannelRead(data)
    }

    private func isAdmitted(_ head: HTTPRequest) -> Bool {
        if ServerLoad.isHealth(head.path) || ServerLoad.isWaiting(head.path) { return true }
        isCounted = load.admit(delay: executor?.delayNanoseconds ?? 0)
        return isCounted
    }

    private func count(_ bytes: Int) -> Bool {
        let more = min(bytes, load.limits.countedBodyBytes - countedBodyBytes)
        guard more > 0 else { return true }
        countedBodyBytes += more
        return load.take(bodyBytes: more)
    }

    /// Answers a request that goes no further; what is left of a small one is read, so that the connection can be used again.
    private func refuse(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        let length = head.headerFields[.contentLength].map { Int($0) ?? .max } ?? (head.headerFields[.transferEncoding] == nil ? 0 : .max)
        guard length <= 65_536, !load.isDraining, head.headerFields[.connection] != "close" else {
            return end(with: .serviceUnavailable, context)
        }
        reading = .refused
        lastUse = .now()
        write(.serviceUnavailable, closing: false, context)
        context.flush()
    }

    /// Ends the connection, with an answer where none has begun.
    private func end(with status: HTTPResponse.Status, _ context: ChannelHandlerContext) {
        isOver = true
        guard !isAnswering, requests <= 1 else { return context.close(promise: nil) }
        write(status, closing: true, context)
        context.flush()
        // What the client still sends would make the kernel reset the connection, and the answer with it.
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    private func write(_ status: HTTPResponse.Status, closing: Bool, _ context: ChannelHandlerContext) {
        let body = status == .serviceUnavailable ? load.refusal : []
        var fields: HTTPFields = [
            .contentLength: String(body.count), .contentType: "application/json", .cacheControl: "no-store", .accessControlAllowOrigin: "*",
        ]
        if status == .serviceUnavailable { fields[.retryAfter] = "1" }
        if closing { fields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isOver {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard head.status.kind != .informational else { break }
            isAnswering = true
            closesAfterAnswer = load.isDraining || head.headerFields[.connection] == "close"
            guard closesAfterAnswer else { break }
            head.headerFields[.connection] = "close"
            return context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let bytes):
            written += bytes.readableBytes
        case .end:
            isAnswering = false
            requests -= 1
            lastUse = .now()
            finishCounting()
            guard closesAfterAnswer, requests == 0 else { break }
            return finish(context, data, promise)
        }
        context.write(data, promise: promise)
    }

    /// Writes the end of the last answer, and closes when the kernel has it.
    private func finish(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        isOver = true
        let channel = context.channel
        let isWhole = reading == .nothing
        let done = promise ?? context.eventLoop.makePromise(of: Void.self)
        done.futureResult.whenComplete { _ in
            if isWhole { return channel.close(promise: nil) }
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
        context.writeAndFlush(data, promise: done)
    }

    // MARK: Clients that are slow

    /// Looks after the connection, once a second.
    ///
    /// - Returns: whether to go on.
    func watch() -> Bool {
        guard let context, !isOver else { return false }
        let limits = load.limits
        switch reading {
        case .head where patience.isOver(limits.headSeconds, bytesPerSecond: .max):
            end(with: .requestTimeout, context)
            return false
        case .body where wantsBytes && patience.isOver(limits.bodySeconds, bytesPerSecond: limits.bytesPerSecond):
            end(with: .requestTimeout, context)
            return false
        default: break
        }
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if waiting == 0 {
            answered = Patience()
            taken = written
        } else {
            // What the encoder adds makes more wait than was written: no progress, then, rather than too much.
            let progress = max(0, written - waiting - taken)
            answered.progress = max(answered.progress, progress)
            if answered.isOver(limits.answerSeconds, bytesPerSecond: limits.bytesPerSecond) {
                isOver = true
                context.close(promise: nil)
                return false
            }
        }
        return reading != .nothing || requests > 0 || waiting > 0
    }

    private var answered = Patience()
    /// Of what was written, what the client had taken when it began to fall behind.
    private var taken = 0

    /// Seconds that were waited, beside what came of it.
    private struct Patience {
        private var seconds = 0
        var progress = 0

        /// One second more.
        mutating func isOver(_ limit: Int, bytesPerSecond: Int) -> Bool {
            seconds += 1
            return seconds > limit + progress / bytesPerSecond
        }
    }

    // MARK: The server's end

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Not passed on: who is behind would close at once.
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        closeWhenQuiet(context.channel)
    }

    private func closeWhenQuiet(_ channel: any Channel) {
        guard !isOver else { return }
        let quiet = TimeAmount.nanoseconds(load.limits.drainQuiet.nanoseconds)
        let remaining = lastUse + quiet - .now()
        if requests == 0, reading == .nothing, remaining <= .zero { return channel.close(promise: nil) }
        let next = requests > 0 || reading != .nothing ? quiet : remaining
        channel.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: max(next, .milliseconds(10))) { self.closeWhenQuiet(channel) }
    }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}
