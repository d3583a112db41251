internal import NIOCore

/// Notices that the client has gone: its end of the connection is closed, or all of it.
///
/// HTTP allows a client to close its sending half and still wait for an answer; nobody does, and a socket that was closed looks the same.
final class DepartureHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private var departure: EventLoopPromise<Void>?
    /// Told of bytes before anybody knows what they are.
    weak var connection: ConnectionHandler?

    /// - Parameter departure: kept when the client goes, in any case when the connection ends.
    init(_ departure: EventLoopPromise<Void>) {
        self.departure = departure
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection?.bytesArrived()
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { note() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        note()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        note()
    }

    private func note() {
        departure.take()?.succeed()
    }
}
