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
    /// It speaks HTTP/1.1, and knows chunks and interim answers.
    let isModern: Bool

    /// Nil: it is no request. HTTP/1.1 has one `Host` (RFC 9112 §3.2).
    init?(_ head: HTTPRequestHead) {
        isModern = (head.version.major, head.version.minor) >= (1, 1)
        var hosts = 0
        var authority: String?
        var isChunked = false
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count + 2)
        for (text, value) in head.headers {
            guard let name = HTTPField.Name(text) else { return nil }
            // Lengths first: they are compared faster, and there are many fields.
            switch text.utf8.count {
            case 4 where name.canonicalName == "host":
                hosts += 1
                authority = value
                continue
            case 6 where name == .expect: expectsContinue = isModern && value.lowercased() == "100-continue"
            case 14 where name == .contentLength: bodyLength = Int(value)
            case 17 where name == .transferEncoding: isChunked = true
            default: break
            }
            fields.append(HTTPField(name: name, value: value))
        }
        guard hosts == 1 || (hosts == 0 && !isModern), let method = try? HTTPRequest.Method(head.method), let path = Self.path(of: head)
        else { return nil }
        if isChunked { bodyLength = nil }
        request = HTTPRequest(method: method, scheme: "http", authority: authority, path: path, headerFields: fields)
    }

    /// Of the absolute form (RFC 9112 §3.2.2) what follows the authority.
    private static func path(of head: HTTPRequestHead) -> String? {
        if head.uri.utf8.first == UInt8(ascii: "/") { return head.uri }
        return try? HTTPRequest(head, secure: false, splitCookie: false).path
    }
}
