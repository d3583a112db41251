public import NIOCore

/// The gateways whose forwarded headers are believed. Everyone else's are ignored.
public struct TrustedProxies: Sendable {
    private struct Network: Sendable {
        let address: [UInt8]
        let prefixLength: Int

        func contains(_ other: [UInt8]) -> Bool {
            guard other.count == address.count else { return false }
            for bit in 0..<prefixLength {
                let mask = UInt8(0x80) >> UInt8(bit % 8)
                if (address[bit / 8] ^ other[bit / 8]) & mask != 0 { return false }
            }
            return true
        }
    }

    private let networks: [Network]

    /// - Parameter list: addresses and CIDR networks separated by commas, such as `127.0.0.1, 10.1.0.0/16, ::1`.
    /// - Throws: ``SettingError`` naming `variable` and the entry that is neither.
    public init(_ list: String, variable: String) throws(SettingError) {
        var networks: [Network] = []
        for entry in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let parts = entry.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let bytes = parts.first.flatMap { Self.bytes(of: try? SocketAddress(ipAddress: String($0), port: 0)) }
            let prefixLength = parts.count == 2 ? Int(parts[1]) : bytes.map { $0.count * 8 }
            guard let bytes, let prefixLength, (0...bytes.count * 8).contains(prefixLength) else {
                throw SettingError(
                    variable: variable, problem: "‘\(entry.prefix(60))’ is not an IP address or network",
                    cure: "Give addresses or CIDR networks separated by commas, such as 127.0.0.1,10.1.0.0/16."
                )
            }
            networks.append(Network(address: bytes, prefixLength: prefixLength))
        }
        self.networks = networks
    }

    public func contains(_ address: SocketAddress?) -> Bool {
        guard let bytes = Self.bytes(of: address) else { return false }
        return networks.contains { $0.contains(bytes) }
    }

    /// The address in network order: 4 or 16 bytes; a v4 address mapped into v6 counts as v4.
    private static func bytes(of address: SocketAddress?) -> [UInt8]? {
        switch address {
        case .v4:
            // struct sockaddr_in: family, port, then four bytes of address.
            return address?.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size)[4..<8]) }
        case .v6:
            // struct sockaddr_in6: family, port, flow, then sixteen bytes of address.
            let bytes = address?.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size)[8..<24]) } ?? []
            let mapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            return mapped ? Array(bytes.suffix(4)) : bytes
        case .unixDomainSocket, nil:
            return nil
        }
    }
}
