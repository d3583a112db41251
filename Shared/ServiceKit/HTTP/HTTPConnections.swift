internal import HTTPTypes
internal import Hummingbird
public import HummingbirdCore
public import Logging
public import NIOCore
internal import NIOHTTP1

/// HTTP/1.1 behind the gateway, as ``ConnectionHandler`` speaks it.
public struct HTTPConnections: ServerChildChannel {
    public struct Value: ServerChildChannelValue {
        public let channel: any Channel
        fileprivate let connection: ConnectionHandler
    }

    private let load: ServerLoad
    private let responder: ConnectionHandler.Responder

    init(_ load: ServerLoad, responder: @escaping ConnectionHandler.Responder) {
        (self.load, self.responder) = (load, responder)
    }

    public func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let connection = ConnectionHandler(load, channel: channel, logger: logger, responder: responder)
            var limits = NIOHTTPDecoderLimitConfiguration()
            (limits.maxHeaderFieldSize, limits.maxHeaderListSize, limits.maxHeaderFieldCount) = (16_384, 32_768, 100)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(DepartureHandler(connection))
            try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)))
            try pipeline.addHandler(connection)
            return Value(channel: channel, connection: connection)
        }
    }

    public func handle(value: Value, logger: Logger) async {
        await value.connection.serve()
    }
}

extension HTTPServerBuilder {
    static func connections(_ load: ServerLoad, _ responder: @escaping ConnectionHandler.Responder) -> HTTPServerBuilder {
        HTTPServerBuilder { _ in HTTPConnections(load, responder: responder) }
    }
}
