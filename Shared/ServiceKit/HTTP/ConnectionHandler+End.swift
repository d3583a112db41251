internal import HTTPTypes
internal import NIOCore

/// While the server stops, each answer says `Connection: close` and is the connection's last. A connection without a request is not closed at
/// once, as a request may be on its way, but when nothing has happened on it for longer than a gateway would wait before using it again.
extension ConnectionHandler {
    /// Ends the connection, with an answer where none has begun.
    ///
    /// - Parameter isWhole: false: only the head of it, as for HEAD.
    func end(with status: HTTPResponse.Status, isWhole: Bool = true, _ context: ChannelHandlerContext) {
        isOver = true
        // A request may be answered before its body has come.
        let hasBegun = isClosing || (isAnswering ? answer.isBegun : reading == .body && collected == nil)
        abandon()
        guard !hasBegun else { return channel.close(promise: nil) }
        write(status, closing: true, isWhole: isWhole)
        context.flush()
        closeAfterAnswer()
    }

    /// What the client still sends would make the kernel reset the connection, and the last answer with it.
    func closeAfterAnswer() {
        isClosing = true
        let channel = channel
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    /// RFC 9110 §10.1.1: the client waits for this before it sends its body.
    func writeContinue(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    /// An answer without a request's task.
    ///
    /// - Parameter isWhole: false: only the head of it, as for HEAD.
    func write(_ status: HTTPResponse.Status, closing: Bool, isWhole: Bool = true) {
        let body = status == .serviceUnavailable ? load.refusal : []
        var fields: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store", .accessControlAllowOrigin: "*"]
        if status == .serviceUnavailable { fields[.retryAfter] = "1" }
        var bytes = channel.allocator.buffer(capacity: 512)
        let head = HTTPResponse(status: status, headerFields: fields)
        bytes.writeAnswerHead(head, framing: .length(body.count), isLast: closing, date: executor.date.text)
        if isWhole { bytes.writeBytes(body) }
        put(bytes)
    }

    /// After the last answer: closes when the kernel has it.
    func finish(_ context: ChannelHandlerContext) {
        let isWhole = reading == .nothing
        let channel = channel
        let done = context.eventLoop.makePromise(of: Void.self)
        done.futureResult.whenComplete { _ in
            if isWhole { return channel.close(promise: nil) }
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: done)
        isClosing = true
    }

    /// Answers that were to be delivered later go out before.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        deliver()
        context.close(mode: mode, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        closeWhenQuiet()
    }

    private func closeWhenQuiet() {
        close(afterQuiet: .nanoseconds(load.limits.drainQuiet.nanoseconds))
    }

    func closeWhenIdle() {
        close(afterQuiet: .nanoseconds(load.limits.idleTimeout.nanoseconds))
    }

    private func close(afterQuiet quiet: TimeAmount) {
        guard !isOver else { return }
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let isQuiet = !isBusy && reading == .nothing && waiting == 0
        let remaining = isQuiet ? lastUse + quiet - .now() : quiet
        if isQuiet, remaining <= .zero { return channel.close(promise: nil) }
        channel.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: max(remaining, .milliseconds(10))) { [weak self] in
            self?.close(afterQuiet: quiet)
        }
    }
}
