internal import NIOCore

/// Sees a connection's bytes before anybody knows what they are, and that the client has gone: its end of the connection is closed.
///
/// HTTP allows a client to close its sending half and still wait for an answer; nobody does, and a socket that was closed looks the same.
final class DepartureHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private unowned let connection: ConnectionHandler

    init(_ connection: ConnectionHandler) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.bytesArrived()
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { connection.clientLeft() }
        context.fireUserInboundEventTriggered(event)
    }
}
