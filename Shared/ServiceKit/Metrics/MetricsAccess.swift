internal import HTTPTypes
internal import Hummingbird

/// Who may read `/metrics`: the addresses of `SALLYPORT_METRICS_FROM`, by default this machine alone, and nobody through a gateway.
public struct MetricsAccess: Sendable {
    private let readers: TrustedProxies

    /// - Parameter readers: whose own connections may ask.
    public init(_ readers: TrustedProxies) {
        self.readers = readers
    }

    public init(_ settings: Settings) throws(SettingError) {
        self.init(
            try TrustedProxies(settings.optional("METRICS_FROM") ?? "127.0.0.1,::1", variable: Settings.variable("METRICS_FROM")))
    }

    /// A request that was forwarded is refused whoever forwarded it: should a gateway route this path by mistake, it stays closed.
    func allows(_ request: Request, _ context: ServiceContext) -> Bool {
        // Who has no address is no connection but the program itself.
        (context.peer == nil || readers.contains(context.peer)) && request.headers[.forwardedFor] == nil
            && request.headers[.forwardedHost] == nil
            && request.headers[.forwarded] == nil
    }
}

extension HTTPField.Name {
    /// RFC 7239.
    fileprivate static let forwarded = literal("Forwarded")
}
