import Cryptography
import Hummingbird
import JOSE

/// A browser, known by 256 random bits that it keeps while it runs: what forms and interrupted requests are bound to before anybody has signed in.
struct BrowserCookie: Sendable {
    static let name = "__Host-sallyport_browser"

    let value: String
    /// Whether the browser must be told.
    let isNew: Bool

    init(_ request: Request) {
        if let value = RequestCookies.value(of: Self.name, in: request), let bytes = try? Base64URL.decode(value), bytes.count == 32 {
            (self.value, isNew) = (value, false)
        } else {
            (value, isNew) = (Base64URL.encode(SecureRandom.bytes(32)), true)
        }
    }

    /// `Set-Cookie`, without an age: it ends with the browser.
    var setCookie: String { "\(Self.name)=\(value); Path=/; Secure; HttpOnly; SameSite=Lax" }
}

/// The cookies of a request (RFC 6265 §5.4).
enum RequestCookies {
    /// - Returns: the first cookie of this name, at most 4096 bytes.
    static func value(of name: String, in request: Request) -> String? {
        for header in request.headers[values: .cookie] {
            for pair in header.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = pair.drop { $0 == UInt8(ascii: " ") }
                guard pair.count <= 4096, pair.starts(with: name.utf8), pair.dropFirst(name.utf8.count).first == UInt8(ascii: "=") else {
                    continue
                }
                return String(Substring(pair.dropFirst(name.utf8.count + 1)))
            }
        }
        return nil
    }
}
