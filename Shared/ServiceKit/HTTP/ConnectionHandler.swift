internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import Turns

/// An HTTP/1.1 connection: one request after the other is handed to the responder, and its answer written.
///
/// A request whose body is short is handed on when all of it is there, so that slow clients keep nobody busy; a longer one with its body still
/// arriving, no faster than it is read. The connection's task answers them, at once and on its event loop, and is cancelled when the client goes.
/// It ends when nothing has come for a second, and at once where many others wait: what it keeps is most of what an idle connection would cost.
///
/// How answers are written is in `ConnectionHandler+Answers.swift`, what keeps the server within its limits in `ConnectionHandler+Limits.swift`, and
/// what ends the connection in `ConnectionHandler+End.swift`.
///
/// `@unchecked Sendable`: used on the event loop only.
final class ConnectionHandler: ChannelDuplexHandler, Delivery, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer
    typealias Responder = @Sendable (Request, ServiceContext) async throws -> Response

    enum Reading {
        case nothing
        /// Bytes have come that are not a head yet.
        case head
        case body
        /// What is left of a request that was refused.
        case refused
    }

    /// A body up to this length is complete before its request is handed on.
    private static let collectedBytes = 65_536

    let load: ServerLoad
    let channel: any Channel
    let executor: EventLoopExecutor
    private let responder: Responder
    let logger: Logger
    var context: ChannelHandlerContext?

    var reading = Reading.nothing
    /// A request whose body is being collected.
    private(set) var collected: (head: HTTPRequest, body: ByteBuffer)?
    /// Whether the client will send another request after the one that has begun.
    var isKeptAlive = true
    /// Whether nothing behind the request that has begun is read as HTTP: the client offers to speak something else from there on.
    private var endsParsing = false
    /// Whether the client of the request that has begun can read an answer that comes in chunks.
    private(set) var knowsChunks = true
    /// What the client sends is no HTTP, and so is all that follows.
    private(set) var hasFailedParsing = false
    /// The body of the request that is answered, where it is still arriving and wanted.
    private var stream: BodyStream?
    /// Answers the requests, as long as they come.
    private var task: Task<Void, Never>?
    private var awaiting: UnsafeContinuation<Request?, Never>?
    /// A request that nobody is waiting for yet.
    private var ready: Request?
    /// Of ``first()``: waits for a request for which there is no task.
    private var opening: UnsafeContinuation<Request?, Never>?
    /// Whether a request has been handed on whose answer is not complete.
    var isAnswering = false
    /// What came behind the request that is answered.
    private var later = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 1)
    /// Bytes were asked for, and are not read yet: the request's body, or what is ``later``, comes first.
    private var hasHeldRead = false

    var answer = Answer()
    /// An answer is written and not sent: that is done once for all of a turn.
    var hasDelivery = false
    var closesAfterAnswer = false
    /// Nothing more is read or written.
    var isOver = false
    /// The last answer is written; what closes the connection is under way.
    var isClosing = false
    /// The client is gone.
    private(set) var isDeserted = false
    private var isClosed = false
    var waiter: CheckedContinuation<Void, any Error>?
    /// Of a refusal that is held back.
    private var holding: UnsafeContinuation<Void, Never>?
    /// When the request that is answered began.
    private var began = NIODeadline.now()
    var lastUse = NIODeadline.now()

    /// As ``ServerLoad`` counts it: whether the request does, and the bytes of its body that do.
    var isCounted = false
    var countedBodyBytes = 0
    /// The socket has been asked for bytes.
    var wantsBytes = false
    var patience = Patience()
    var answered = Patience()
    /// Of what was written, what had left when the client was first seen to be behind; nil: it is not.
    var taken: Int?
    /// Bytes of answers that were written.
    var written = 0
    /// In the event loop's watch.
    var place: Int?

    init(_ load: ServerLoad, channel: any Channel, logger: Logger, responder: @escaping Responder) {
        self.load = load
        self.channel = channel
        self.logger = logger
        self.responder = responder
        executor = EventLoopExecutor.of(channel.eventLoop)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        closeWhenIdle()
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
        isDeserted = true
        finishCounting()
        executor.watch.remove(self)
        abandon()
        isClosed = true
        open()
    }

    /// Tells the connection's task that nobody waits for it.
    func abandon() {
        collected = nil
        if ready.take() != nil { isAnswering = false }
        later.removeAll()
        task?.cancel()
        stream.take()?.fail(CancellationError())
        waiter.take()?.resume(throwing: ChannelError.ioOnClosedChannel)
        rest()
        holding.take()?.resume()
    }

    /// The client has closed its end.
    func clientLeft() {
        isDeserted = true
        abandon()
        if !isAnswering { channel.close(promise: nil) }
    }

    // MARK: Requests

    /// Bytes have come, of whatever.
    func bytesArrived() {
        guard reading == .nothing, !isBusy, !isOver else { return }
        reading = .head
        patience = Patience()
        executor.watch.add(self)
    }

    /// Whether there is a request whose answer is not complete.
    var isBusy: Bool { isAnswering || collected != nil }

    func read(context: ChannelHandlerContext) {
        guard mayRead else {
            hasHeldRead = true
            return
        }
        wantsBytes = true
        context.read()
    }

    /// Who does not take the answers that there are sends no more requests either.
    private var mayRead: Bool {
        guard later.isEmpty, stream?.isFull != true else { return false }
        return reading == .body || (channel.isWritable && !endsParsing)
    }

    private func readOn() {
        guard hasHeldRead, mayRead, let context else { return }
        hasHeldRead = false
        wantsBytes = true
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        wantsBytes = false
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isOver || isClosing { return }
        let part = unwrapInboundIn(data)
        if isAnswering, reading == .nothing || !later.isEmpty { return later.append(part) }
        executor.run {
            // What was due before may have closed the connection.
            if !isOver, !isClosing { receive(part, context) }
        }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            let staysOpen = head.isKeepAlive
            guard let head = RequestHead(head) else {
                endsParsing = head.method == .CONNECT || head.headers.contains(name: "upgrade")
                return end(with: .badRequest, context)
            }
            endsParsing = head.offersUpgrade || head.request.method == .connect
            isKeptAlive = staysOpen && !endsParsing
            knowsChunks = head.isModern
            guard isAdmitted(head.request) else { return refuse(head, context) }
            if head.expectsContinue { writeContinue(context) }
            reading = .body
            patience = Patience()
            executor.watch.add(self)
            if head.bodyLength ?? .max <= Self.collectedBytes {
                collected = (head.request, ByteBuffer())
            } else {
                beginStream(head.request)
            }
        case .body(var bytes):
            patience.progress += bytes.readableBytes
            // What nobody wants is read all the same: the next request is behind it.
            guard reading != .refused, collected != nil || stream != nil else { return }
            guard count(bytes.readableBytes) else { return end(with: .serviceUnavailable, context) }
            if collected != nil { collected?.body.writeBuffer(&bytes) } else { stream?.receive(bytes) }
        case .end:
            let isRefused = reading == .refused
            reading = .nothing
            if isRefused { return }
            stream.take()?.finish()
            if let (head, body) = collected.take() { begin(Request(head: head, body: RequestBody(buffer: body))) }
        }
    }

    private func beginStream(_ head: HTTPRequest) {
        let stream = BodyStream(wanted: { [self] in channel.eventLoop.execute { self.receiveLater() } })
        self.stream = stream
        begin(Request(head: head, body: RequestBody(asyncSequence: stream)))
    }

    private func begin(_ request: Request) {
        answer = Answer()
        closesAfterAnswer = !isKeptAlive
        isAnswering = true
        began = .now() - executor.waited
        if let awaiting = awaiting.take() {
            executor.waitingTasks -= 1
            awaiting.resume(returning: request)
        } else {
            ready = request
            open()
        }
    }

    /// Parts that arrived too early, as far as they go.
    func receiveLater() {
        guard let context else { return }
        while !isOver, !isClosing, !isAnswering || reading != .nothing, stream?.isFull != true, let part = later.popFirst() {
            receive(part, context)
        }
        readOn()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A parser that has failed says so of each piece that follows.
        if isOver || isClosing || hasFailedParsing {
            if error is IOError { context.close(promise: nil) }
            return
        }
        guard error is HTTPParserError, reading != .refused else { return channel.close(promise: nil) }
        hasFailedParsing = true
        // The answer that is under way is the last.
        guard !isAnswering else {
            closesAfterAnswer = true
            later.removeAll()
            reading = .refused
            stream.take()?.fail(HTTPError(.badRequest))
            return
        }
        end(with: .badRequest, context)
    }

    // MARK: Answers

    /// Answers requests until the connection is closed, and nothing is done for it any more.
    ///
    /// What tasks inherit, such as the server's stopping, they have from whoever calls this.
    func serve() async {
        let serving = Task(executorPreference: executor) {
            while let request = await self.first() { self.answer(from: request) }
        }
        await withTaskCancellationHandler {
            await serving.value
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// A request for which there is no task; nil when there will be none.
    private func first() async -> Request? {
        await withUnsafeContinuation { continuation in
            opening = continuation
            open()
        }
    }

    private func open() {
        guard task == nil, ready != nil || isClosed else { return }
        opening.take()?.resume(returning: ready.take())
    }

    /// Answers the request, and those that follow it closely.
    private func answer(from request: Request) {
        let task = Task(executorPreference: executor) {
            var next: Request? = request
            while let request = next {
                self.executor.deliverInTime()
                await self.respond(to: request)
                next = await self.next()
            }
            self.task = nil
            self.open()
        }
        self.task = task
        if isDeserted { task.cancel() }
    }

    private func next() async -> Request? {
        await withUnsafeContinuation { continuation in
            if let request = ready.take() {
                continuation.resume(returning: request)
            } else if isOver || isDeserted || executor.waitingTasks >= EventLoopExecutor.maximumWaitingTasks {
                continuation.resume(returning: nil)
            } else {
                executor.waitingTasks += 1
                awaiting = continuation
            }
        }
    }

    /// Ends the task that answers, where it has nothing to do.
    func rest() {
        guard let awaiting = awaiting.take() else { return }
        executor.waitingTasks -= 1
        awaiting.resume(returning: nil)
    }

    private func respond(to request: Request) async {
        var response: Response
        do {
            response = try await responder(request, ServiceContext(source: .init(channel: channel, logger: logger)))
        } catch {
            logger.error("request failed", metadata: ["error": "\(error)"])
            response = Response(status: .internalServerError)
        }
        if response.status == .serviceUnavailable, load.isCrowded, !ServerLoad.isHealth(request.head.path) { await holdBack() }
        do {
            try await write(response, to: request)
        } catch {
            if error is AnswerLengthMismatch { logger.error("an answer's body is not as long as its head says") }
            // What was begun cannot be ended in order.
            isOver = true
        }
        // What is left of the body is read and forgotten.
        stream = nil
        finishCounting()
        if !isClosing, !isOver, !isDeserted, !channel.isWritable { try? await untilWritable() }
        isAnswering = false
        lastUse = .now()
        if isClosing { return }
        if isOver || isDeserted { return channel.close(promise: nil) }
        if closesAfterAnswer { return closeAfterAnswer() }
        receiveLater()
    }

    /// Gives others the request's place, and waits.
    private func holdBack() async {
        finishCounting()
        let remaining = began + .nanoseconds(load.limits.holdBack.nanoseconds) - .now()
        guard remaining > .zero, !isOver, !isDeserted else { return }
        load.beginHoldingBack()
        await withUnsafeContinuation { continuation in
            holding = continuation
            channel.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: remaining) { self.holding.take()?.resume() }
        }
        load.endHoldingBack()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if channel.isWritable {
            waiter.take()?.resume()
            readOn()
        }
        context.fireChannelWritabilityChanged()
    }
}
