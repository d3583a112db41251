public import NIOCore

/// The gateways whose forwarded headers are believed. Everyone else's are ignored.
public struct TrustedProxies: Sendable {
    private let networks: [IPNetwork]

    /// - Parameter list: addresses and CIDR networks separated by commas, such as `127.0.0.1, 10.1.0.0/16, ::1`.
    /// - Throws: ``SettingError`` naming `variable` and the entry that is neither.
    public init(_ list: String, variable: String) throws(SettingError) {
        var networks: [IPNetwork] = []
        for entry in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let network = IPNetwork(entry) else {
                throw SettingError(
                    variable: variable, problem: "‘\(entry.prefix(60))’ is not an IP address or network",
                    cure: "Give addresses or CIDR networks separated by commas, such as 127.0.0.1,10.1.0.0/16."
                )
            }
            networks.append(network)
        }
        self.networks = networks
    }

    public func contains(_ address: SocketAddress?) -> Bool {
        networks.contains { $0.contains(address) }
    }
}
