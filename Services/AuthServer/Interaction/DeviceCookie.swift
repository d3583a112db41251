import Cryptography
import Hummingbird
import JOSE

/// Marks a browser in which an account has signed in before: its owner is not held up when others try passwords for the account elsewhere.
/// Up to four marks joined by dots, each an HMAC of the e-mail address; they prove nothing and name nobody.
struct DeviceCookie: Sendable {
    static let name = "__Host-sallyport_device"
    private static let maximumMarks = 4

    let keys: PlatformKeys

    func isKnown(_ request: Request, email: String) async throws -> Bool {
        let mark = Array(try await mark(email).utf8)
        return marks(request).contains { constantTimeEqual(Array($0.utf8), mark) }
    }

    /// `Set-Cookie` for a browser in which the account has just signed in.
    func setCookie(_ request: Request, email: String) async throws -> String {
        let mark = try await mark(email)
        let kept = marks(request).filter { $0 != mark }.prefix(Self.maximumMarks - 1)
        let value = ([mark] + kept).joined(separator: ".")
        return "\(Self.name)=\(value); Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax"
    }

    private func marks(_ request: Request) -> [String] {
        guard let value = RequestCookies.value(of: Self.name, in: request), value.utf8.count <= 200 else { return [] }
        return value.utf8.split(separator: UInt8(ascii: ".")).prefix(Self.maximumMarks).map { String(Substring($0)) }
    }

    private func mark(_ email: String) async throws -> String {
        let mac = try HMAC(key: try await keys.key(.device))
        return Base64URL.encode(try mac.authenticate(Array("device\n\(email.lowercased())".utf8)))
    }
}
