public import Hummingbird
public import Logging

/// The HTTP server of a service.
public enum HTTPService {
    /// - Parameter listen: port 0 takes a free one.
    public static func make<Responder: HTTPResponder>(
        _ responder: Responder, listen: (host: String, port: Int), logger: Logger
    ) -> Application<Responder> where Responder.Context == ServiceContext {
        Application(
            responder: responder,
            server: .loopBound(),
            configuration: .init(address: .hostname(listen.host, port: listen.port)),
            logger: logger
        )
    }
}
