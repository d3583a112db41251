import FoundationEssentials

/// Where a client publishes its keys (RFC 7591 §2, `jwks_uri`): `https`, or `http` to this machine.
struct KeySetURI: Sendable, Hashable {
    /// The host in lower case, so that whoever reads it later looks up the same name.
    let text: String
    /// A name or an address, an IPv6 address without brackets.
    let host: String
    let port: Int

    /// - Returns: nil for anything else, and for user information or a fragment.
    init?(_ text: String) {
        guard text.utf8.count <= 2000, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), !text.contains("\\"),
            var components = URLComponents(string: text), components.user == nil, components.password == nil, components.fragment == nil,
            let scheme = components.scheme?.lowercased(), let named = components.host?.lowercased()
        else { return nil }
        let host = named.hasPrefix("[") && named.hasSuffix("]") ? String(named.dropFirst().dropLast()) : named
        guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostCharacter) else { return nil }
        switch scheme {
        case "https": port = components.port ?? 443
        case "http" where ["127.0.0.1", "::1", "localhost"].contains(host): port = components.port ?? 80
        default: return nil
        }
        guard (1...65_535).contains(port) else { return nil }
        components.scheme = scheme
        components.host = host.contains(":") ? "[\(host)]" : host
        guard let canonical = components.string else { return nil }
        self.text = canonical
        self.host = host
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"): true
        default: false
        }
    }
}
