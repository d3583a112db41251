import NIOCore
import ServiceKit

/// Which addresses belong to the internet at large: a client that could name others would make this server ask inside its own network.
enum PublicAddresses {
    /// What the IANA registries of special-purpose addresses keep from the internet (RFC 6890), multicast, and the IPv6 prefixes that carry
    /// an IPv4 address of any kind.
    private static let special = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { IPNetwork($0) }

    /// All of IPv6 that is handed out (RFC 4291 §2.4).
    private static let global = ["0.0.0.0/0", "2000::/3"].compactMap { IPNetwork($0) }

    static func contains(_ address: SocketAddress) -> Bool {
        global.contains { $0.contains(address) } && !special.contains { $0.contains(address) }
    }
}
