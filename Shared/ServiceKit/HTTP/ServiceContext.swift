public import Hummingbird
public import NIOCore

/// What a request knows besides its own bytes: who sent it, as far as the gateway may be believed, and the id that ties its log lines together.
public struct ServiceContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The other end of the socket: the gateway, or whoever came past it.
    public let peer: SocketAddress?
    /// Passed on by the gateway, else made here; returned as `X-Request-ID`.
    public var requestID = ""
    /// The client's address as text, from the gateway where it is trusted.
    public var clientAddress = ""
    /// The host that the client asked for, in lower case and without port.
    public var requestedHost: String?

    public init(source: Source) {
        coreContext = .init(source: source)
        peer = source.channel.remoteAddress
    }
}
