import Cryptography
import HTTPTypes
import Hummingbird
import JOSE
import ServiceKit

/// Forms can be sent by the browser that was given them, from this site, for their own purpose only (RFC 9700 §2.1, login CSRF included).
struct FormGuard: Sendable {
    let keys: PlatformKeys
    /// `scheme://host[:port]` of the base URL.
    let origin: String

    /// - Parameter action: the absolute path that the form is posted to, which names tenant and step.
    func token(for action: String, _ browser: BrowserCookie) async throws -> String {
        let mac = try HMAC(key: try await keys.key(.csrf))
        return Base64URL.encode(try mac.authenticate(Array("form\n\(action)\n\(browser.value)".utf8)))
    }

    enum Outcome: Sendable {
        case genuine
        /// The browser does not send cookies back, or the page is from before its cookies were deleted.
        case noCookie
        case forged
    }

    func check(_ request: Request, _ context: ServiceContext, token: String?, action: String, _ browser: BrowserCookie) async throws
        -> Outcome
    {
        guard isFromHere(request, context) else { return .forged }
        guard !browser.isNew else { return .noCookie }
        let expected = try await self.token(for: action, browser)
        return constantTimeEqual(Array((token ?? "").utf8), Array(expected.utf8)) ? .genuine : .forged
    }

    /// Browsers say where a form was; pages that send no Referer have the origin `null`, which says nothing.
    private func isFromHere(_ request: Request, _ context: ServiceContext) -> Bool {
        if let site = request.headers[.secFetchSite], site != "same-origin", site != "none" { return false }
        guard let sent = request.headers[.origin], sent != "null" else { return true }
        return sent.lowercased() == origin || sent.lowercased() == hostOrigin(request, context)
    }

    /// This site by the name that the browser knows it by, such as a tenant's subdomain.
    private func hostOrigin(_ request: Request, _ context: ServiceContext) -> String? {
        guard let host = (context.isFromGateway ? request.headers[.forwardedHost] : nil) ?? request.head.authority else { return nil }
        guard let end = origin.firstRange(of: "://") else { return nil }
        return origin[..<end.upperBound] + host.lowercased()
    }
}

extension HTTPField.Name {
    static let secFetchSite = literal("Sec-Fetch-Site")
}
