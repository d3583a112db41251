internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1

/// While the server stops, each answer says `Connection: close` and is the connection's last. A connection without a request is not closed at
/// once, as a request may be on its way, but when nothing has happened on it for longer than a gateway would wait before using it again.
extension ConnectionHandler {
    /// Ends the connection, with an answer where none has begun.
    func end(with status: HTTPResponse.Status, _ context: ChannelHandlerContext) {
        isOver = true
        let hasBegun = answer.isBegun && isAnswering
        abandon()
        guard !hasBegun else { return context.close(promise: nil) }
        write(status, closing: true, context)
        context.flush()
        // What the client still sends would make the kernel reset the connection, and the answer with it.
        context.close(mode: .output, promise: nil)
        let channel = channel
        context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    /// An answer without a request's task.
    func write(_ status: HTTPResponse.Status, closing: Bool, _ context: ChannelHandlerContext) {
        let body = status == .serviceUnavailable ? load.refusal : []
        var fields: HTTPFields = [
            .contentLength: String(body.count), .contentType: "application/json", .cacheControl: "no-store", .accessControlAllowOrigin: "*",
        ]
        if status == .serviceUnavailable { fields[.retryAfter] = "1" }
        if closing { fields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(HTTPResponse(status: status, headerFields: fields)))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Writes the end of the last answer, and closes when the kernel has it.
    func finish(_ end: HTTPServerResponsePart, _ context: ChannelHandlerContext) {
        let isWhole = reading == .nothing
        let channel = channel
        let done = context.eventLoop.makePromise(of: Void.self)
        done.futureResult.whenComplete { _ in
            if isWhole { return channel.close(promise: nil) }
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(end), promise: done)
        isClosing = true
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
        let isQuiet = !isBusy && reading == .nothing
        let remaining = isQuiet ? lastUse + quiet - .now() : quiet
        if isQuiet, remaining <= .zero { return channel.close(promise: nil) }
        channel.eventLoop.assumeIsolatedUnsafeUnchecked().scheduleTask(in: max(remaining, .milliseconds(10))) { [weak self] in
            self?.close(afterQuiet: quiet)
        }
    }
}
