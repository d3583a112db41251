import Cryptography
import Hummingbird
import JOSE

/// Marks a browser in which an account has signed in before: its owner is not held up when others try passwords for the account elsewhere.
///
/// Up to four marks joined by dots, one for an account: 11 characters of base64url that tell this browser from others (8 random bytes), then
/// 43 of an HMAC of them and the e-mail address. They prove nothing and name nobody.
struct DeviceCookie: Sendable {
    static let name = "__Host-sallyport_device"
    private static let maximumMarks = 4
    private static let distinctionLength = 11
    private static let markLength = 54

    let keys: PlatformKeys

    /// The mark that this browser has for the account, whatever the case of its address.
    func mark(in request: Request, of email: String) async throws -> String? {
        for mark in marks(request) where try await isMark(mark, of: email) { return mark }
        return nil
    }

    /// `Set-Cookie` for a browser in which the account has just signed in.
    func setCookie(_ request: Request, email: String) async throws -> String {
        let distinction = Base64URL.encode(SecureRandom.bytes(8))
        var marks = [try await distinction + authentication(of: distinction, email)]
        for mark in self.marks(request) where try await !isMark(mark, of: email) { marks.append(mark) }
        let value = marks.prefix(Self.maximumMarks).joined(separator: ".")
        return "\(Self.name)=\(value); Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax"
    }

    private func isMark(_ mark: String, of email: String) async throws -> Bool {
        let expected = try await authentication(of: String(mark.prefix(Self.distinctionLength)), email)
        return constantTimeEqual(Array(mark.utf8.dropFirst(Self.distinctionLength)), Array(expected.utf8))
    }

    private func marks(_ request: Request) -> [String] {
        guard let value = RequestCookies.value(of: Self.name, in: request), value.utf8.count <= (Self.markLength + 1) * Self.maximumMarks
        else { return [] }
        return value.utf8.split(separator: UInt8(ascii: ".")).prefix(Self.maximumMarks)
            .filter { $0.count == Self.markLength && $0.allSatisfy { $0 < 0x80 } }
            .map { String(Substring($0)) }
    }

    private func authentication(of distinction: String, _ email: String) async throws -> String {
        let mac = try HMAC(key: try await keys.key(.device))
        return Base64URL.encode(try mac.authenticate(Array("device\n\(distinction)\n\(EmailAddress.folded(email))".utf8)))
    }
}
