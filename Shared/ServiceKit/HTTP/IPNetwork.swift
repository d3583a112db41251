public import NIOCore

/// An address or a CIDR network, of version 4 or 6.
public struct IPNetwork: Sendable {
    private let address: [UInt8]
    private let prefixLength: Int

    /// - Parameter text: such as `127.0.0.1`, `10.1.0.0/16` or `fe80::/10`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ Self.bytes(of: try? SocketAddress(ipAddress: String($0), port: 0)) }) else { return nil }
        let prefixLength = parts.count == 2 ? Int(parts[1]) : address.count * 8
        guard let prefixLength, (0...address.count * 8).contains(prefixLength) else { return nil }
        self.address = address
        self.prefixLength = prefixLength
    }

    /// A v4 address mapped into v6 counts as v4.
    public func contains(_ other: SocketAddress?) -> Bool {
        guard let other = Self.bytes(of: other), other.count == address.count else { return false }
        for bit in 0..<prefixLength {
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            if (address[bit / 8] ^ other[bit / 8]) & mask != 0 { return false }
        }
        return true
    }

    /// The address in network order: 4 or 16 bytes.
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
