import HTTPTypes
import Hummingbird
import OAuth

extension Sessions {
    /// `Set-Cookie` for a browser that has just signed in: without an age, so that it ends with the browser.
    static func setCookie(_ secret: OpaqueSecret) -> String {
        "\(cookieName)=\(secret.rawValue); Path=/; Secure; HttpOnly; SameSite=Lax"
    }

    /// `Set-Cookie` that makes the browser forget its session.
    static let clearCookie = "\(cookieName)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"

    /// The first well-formed session secret among the request's cookies (RFC 6265 §5.4).
    static func secret(_ request: Request) -> OpaqueSecret? {
        let prefix = cookieName + "="
        for header in request.headers[values: .cookie] {
            for pair in header.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = pair.drop { $0 == UInt8(ascii: " ") }
                guard pair.starts(with: prefix.utf8) else { continue }
                let value = String(Substring(pair.dropFirst(prefix.utf8.count)))
                if let secret = OpaqueSecret(parsing: value, as: .session) { return secret }
            }
        }
        return nil
    }
}
