extension RedirectURI {
    /// Where a program on the person's own machine listens: it takes whatever port is free.
    private static let loopbackAddresses = ["http://127.0.0.1", "http://[::1]"]

    /// Whether the client may be answered at `requested`: the same bytes (RFC 9700 §2.1), but for the port of a loopback address
    /// (RFC 8252 §7.3). `localhost` is a name, which may lead elsewhere, and has no such freedom (RFC 8252 §8.3).
    public func matches(_ requested: String) -> Bool {
        if requested.utf8.elementsEqual(rawValue.utf8) { return true }
        guard let registered = Self.afterPort(rawValue), let asked = Self.afterPort(requested) else { return false }
        return registered.address == asked.address && registered.rest.elementsEqual(asked.rest)
    }

    /// What stands behind address and port of a loopback URI; nil for every other.
    private static func afterPort(_ uri: String) -> (address: String, rest: Substring.UTF8View)? {
        guard let address = loopbackAddresses.first(where: { uri.utf8.starts(with: $0.utf8) }) else { return nil }
        var rest = uri.utf8.dropFirst(address.utf8.count)
        if rest.first == UInt8(ascii: ":") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard (1...5).contains(digits.count), let port = Int(Substring(digits)), (1...65535).contains(port) else { return nil }
            rest = rest.dropFirst(1 + digits.count)
        }
        // What follows must not be able to lengthen the address.
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") || rest.first == UInt8(ascii: "?") else { return nil }
        return (address, rest)
    }
}
