internal import HTTPTypes
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1

/// A request's head, and what it says of the connection.
struct RequestHead {
    let request: HTTPRequest
    /// Of the body that follows, in bytes; nil: it comes in chunks, or is longer than can be counted.
    private(set) var bodyLength: Int? = 0
    /// The client waits for an interim answer before it sends the body (RFC 9110 §10.1.1).
    private(set) var expectsContinue = false
    /// What follows may be something else than HTTP (RFC 9110 §7.8).
    private(set) var offersUpgrade = false
    /// It speaks HTTP/1.1, and knows chunks and interim answers.
    let isModern: Bool

    /// Nil: it is no request. HTTP/1.1 has one `Host` (RFC 9112 §3.2), and a body that is coded in another way than in chunks has an end that
    /// nobody knows (RFC 9112 §6.1).
    init?(_ head: HTTPRequestHead) {
        isModern = (head.version.major, head.version.minor) >= (1, 1)
        var host: String?
        var isChunked = false
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count + 2)
        for (text, value) in head.headers {
            guard let name = HTTPField.Name(text) else { return nil }
            let field = HTTPField(name: name, value: value)
            // Lengths first: they are compared faster, and there are many fields.
            switch text.utf8.count {
            case 4 where name.canonicalName == "host":
                guard host == nil else { return nil }
                host = field.value
                continue
            case 6 where name == .expect: expectsContinue = isModern && field.value.lowercased() == "100-continue"
            case 7 where name == .upgrade: offersUpgrade = true
            case 14 where name == .contentLength: bodyLength = Int(field.value)
            case 17 where name == .transferEncoding:
                guard isModern, !isChunked, field.value.lowercased() == "chunked" else { return nil }
                isChunked = true
            default: break
            }
            fields.append(field)
        }
        if isChunked { bodyLength = nil }
        if bodyLength == 0 { expectsContinue = false }
        guard host != nil || !isModern, let method = try? HTTPRequest.Method(head.method),
            let (authority, path) = Self.target(of: head, host: host), authority.map(Self.isAuthority) ?? true
        else { return nil }
        request = HTTPRequest(method: method, scheme: "http", authority: authority, path: path, headerFields: fields)
    }

    /// Of the absolute form the authority is the target's, whatever `Host` says (RFC 9112 §3.2.2).
    private static func target(of head: HTTPRequestHead, host: String?) -> (authority: String?, path: String)? {
        if head.uri.utf8.first == UInt8(ascii: "/") { return (host, head.uri) }
        guard let path = try? HTTPRequest(head, secure: false, splitCookie: false).path else { return nil }
        let parts = head.uri.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return (host, path) }
        return (String(parts[1].prefix { $0 != "/" && $0 != "?" && $0 != "#" }), path)
    }

    /// Whether the text has what a host and a port may consist of (RFC 3986 §3.2), and no user.
    private static func isAuthority(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: ";"): true
            case UInt8(ascii: "$")...UInt8(ascii: "."): true
            case UInt8(ascii: "!"), UInt8(ascii: "="), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "_"), UInt8(ascii: "~"): true
            default: false
            }
        }
    }
}
