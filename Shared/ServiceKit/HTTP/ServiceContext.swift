public import Hummingbird
public import NIOCore

/// What a request knows besides its own bytes: who sent it, as far as the gateway may be believed, and the id that ties its log lines together.
public struct ServiceContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The connection, for closing it where its other end does not read.
    public let channel: any Channel
    /// The other end of the socket: the gateway, or whoever came past it.
    public let peer: SocketAddress?
    /// Passed on by the gateway, else made here; returned as `X-Request-ID`.
    public var requestID = ""
    /// Whether the peer is a gateway whose forwarded headers are believed.
    public var isFromGateway = false
    /// Where ``note(_:)`` writes to.
    var slot: Int32 = -1

    public init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
        peer = source.channel.remoteAddress
    }

    /// Says which tenant the request turned out to be for: for metrics.
    public func note(_ tenant: TenantLabels.Label) {
        RequestSlots.note(tenant.rawValue, at: slot)
    }

    /// The client's address as text, from the gateway where it is trusted.
    public func clientAddress(_ request: Request) -> String {
        (isFromGateway ? request.headers[.forwardedFor] : nil) ?? peer?.ipAddress ?? ""
    }

    /// The host that the client asked for, in lower case and without port.
    public func requestedHost(_ request: Request) -> String? {
        let host = (isFromGateway ? request.headers[.forwardedHost] : nil) ?? request.head.authority
        guard let bytes = host?.utf8 else { return nil }
        let isAddress = bytes.first == UInt8(ascii: "[")
        let name = bytes.prefix { $0 != UInt8(ascii: isAddress ? "]" : ":") }
        let text = String(Substring(name)) + (isAddress ? "]" : "")
        return text.utf8.contains(where: { (0x41...0x5a).contains($0) || $0 >= 0x80 }) ? text.lowercased() : text
    }
}
