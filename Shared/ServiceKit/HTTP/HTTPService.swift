public import HTTPTypes
public import Hummingbird
internal import HummingbirdCore
public import Logging
public import Metrics
internal import NIOCore
public import ServiceLifecycle

/// The HTTP server of a service.
public enum HTTPService {
    /// Whether who asks would not be refused at once, as far as that is seen from a request's head without effort. Called on event loops.
    public typealias Room = @Sendable (HTTPRequest) -> Bool

    /// - Parameters:
    ///   - listen: port 0 takes a free one.
    ///   - refusal: the body of a 503 to a request that is one too many, as JSON.
    ///   - hasRoom: asked in a crowd only: a request that is refused here holds no memory and keeps nobody waiting.
    ///   - isReady: nothing is listened to until it says so, for at most five seconds: a gateway that knows of no readiness sends requests as
    ///     soon as it can connect.
    ///   - onListening: is told the port once connections are accepted.
    public static func make<Responder: HTTPResponder>(
        _ responder: Responder, listen: (host: String, port: Int), limits: ServerLimits = ServerLimits(),
        refusal: [UInt8] = Array("{}".utf8), hasRoom: @escaping Room = { _ in true },
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        isReady: @escaping @Sendable () async -> Bool = { true }, onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        logger: Logger
    ) -> DrainingServer<Responder> where Responder.Context == ServiceContext {
        // The rest is for the database, files, and connections that this server makes.
        let room = max(64, OpenFiles.raiseLimit() - 256)
        let load = ServerLoad(limits, refusal: refusal, hasRoom: hasRoom, metrics: metrics)
        let drain = ServerDrain(load, logger: logger)
        let application = Application(
            responder: responder,
            server: .connections(load, responder.respond),
            configuration: .init(
                address: .hostname(listen.host, port: listen.port), backlog: 4096,
                availableConnectionsDelegate: MaximumAvailableConnections(min(limits.connections, room), logger: logger)
            ),
            onServerRunning: { channel in
                // Four at a time, as is usual, new clients would wait for minutes while known ones keep the server busy. So many may come beyond
                // the limit of connections: half of what is kept free.
                _ = channel.setOption(.maxMessagesPerRead, value: 128)
                drain.listens(on: channel)
                onListening(channel.localAddress?.port ?? listen.port)
            },
            logger: logger
        )
        return DrainingServer(application: application, drain: drain, isReady: isReady)
    }
}

/// An HTTP server that ends without losing a request: told to stop, it answers what it has accepted, and closes connections when nobody can be
/// about to use them.
public struct DrainingServer<Responder: HTTPResponder>: Service where Responder.Context == ServiceContext {
    public let application: Application<Responder>
    let drain: ServerDrain
    let isReady: @Sendable () async -> Bool

    public func run() async throws {
        await beReady()
        let group = ServiceGroup(configuration: .init(services: [application], logger: application.logger))
        // Detached from the shutdown that the whole process is told of: this one begins when ``ServerDrain`` allows it.
        let serving = Task.detached { try await group.run() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await serving.value
            } onGracefulShutdown: {
                Task {
                    await drain.begin()
                    await group.triggerGracefulShutdown()
                }
            }
        } onCancel: {
            serving.cancel()
        }
    }

    private func beReady() async {
        await cancelWhenGracefulShutdown {
            let deadline = ContinuousClock.now + .seconds(5)
            while ContinuousClock.now < deadline, !Task.isCancelled {
                if await isReady() { break }
                try? await Task.sleep(for: .milliseconds(2))
            }
        }
    }
}
