import FoundationEssentials

/// Where a form, or the answer to it, may send the browser: a source for the policy's `form-action`.
///
/// Chromium holds every redirect that follows a submission to `form-action`: the one to the client, and those that the client makes on
/// the same way, often to another of its hosts. Forms whose answer leads to a client therefore need ``onward(to:)``.
struct FormTarget: Sendable, Hashable {
    /// `https://host[:port]`, `http://127.0.0.1:port`, or `scheme:`; safe to write into the header as it is.
    let source: String

    /// - Parameter redirectURI: as registered, international hosts in their ASCII form: `https`, `http` to this machine, or a private-use scheme with a dot.
    init?(redirectURI: String) {
        guard redirectURI.utf8.count <= 2000, redirectURI.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
            let components = URLComponents(string: redirectURI), components.user == nil,
            components.password == nil, let scheme = components.scheme?.lowercased()
        else { return nil }
        switch scheme {
        case "https":
            guard let host = Self.hostName(components) else { return nil }
            source = "https://\(host)\(components.port.map { ":\($0)" } ?? "")"
        case "http":
            guard let host = components.host?.lowercased() else { return nil }
            // The policy's grammar has no place for an IPv6 address (CSP 3 §2.3.1).
            if host == "::1" || host == "[::1]" {
                source = "http:"
            } else {
                guard host == "127.0.0.1" || host == "localhost" else { return nil }
                source = "http://\(host)\(components.port.map { ":\($0)" } ?? "")"
            }
        default:
            guard scheme.utf8.contains(UInt8(ascii: ".")), scheme.utf8.allSatisfy(Self.isSchemeByte) else { return nil }
            source = scheme + ":"
        }
    }

    private init(source: String) {
        self.source = source
    }

    /// Where a redirect to the client may lead in the end: any `https` site, this machine too where the client runs on it, or the client's own scheme.
    /// Empty where nothing may be redirected to.
    static func onward(to redirectURI: String) -> [FormTarget] {
        guard let target = FormTarget(redirectURI: redirectURI) else { return [] }
        let anySite = FormTarget(source: "https:")
        if target.source.utf8.starts(with: "https:".utf8) { return [anySite] }
        if target.source == "http:" { return [anySite, target] }
        if target.source.utf8.starts(with: "http:".utf8) {
            return [anySite, FormTarget(source: "http://127.0.0.1:*"), FormTarget(source: "http://localhost:*")]
        }
        return [target]
    }

    private static func hostName(_ components: URLComponents) -> String? {
        guard let host = components.encodedHost?.lowercased(), (1...253).contains(host.utf8.count),
            host.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f })
        else { return nil }
        return host
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == 0x2b || byte == 0x2d || byte == 0x2e
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
    }
}

/// Where a redirect URI leads, in words that a person understands.
enum RedirectDestination: Sendable, Equatable {
    /// Host, with the port if it is not the usual one.
    case website(String)
    /// A program on the person's own machine that listens on a loopback port.
    case thisDevice
    /// An installed app, known by its private-use scheme.
    case app(scheme: String)

    init?(redirectURI: String) {
        guard let target = FormTarget(redirectURI: redirectURI) else { return nil }
        if target.source.hasPrefix("https://") {
            self = .website(String(target.source.dropFirst(8)))
        } else if target.source.hasPrefix("http:") {
            self = .thisDevice
        } else {
            self = .app(scheme: String(target.source.dropLast()))
        }
    }
}
