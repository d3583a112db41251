import HTTPTypes
import Hummingbird
import HummingbirdTesting
import ServiceKit
import Testing

@testable import AuthServer

@Suite("Assets of pages") struct PagesAssetsTests {
    private func get(_ path: String, _ method: HTTPRequest.Method = .get) async throws -> (HTTPResponse.Status, HTTPFields, String) {
        let router = Router(context: ServiceContext.self)
        AssetsEndpoint().addRoutes(to: router)
        return try await Application(responder: router.buildResponder()).test(.router) { client in
            try await client.execute(uri: path, method: method) { ($0.status, $0.headers, String(buffer: $0.body)) }
        }
    }

    @Test("The style is kept forever under its hash, and not at all under another version's") func style() async throws {
        let (status, headers, body) = try await get(Assets.stylePath)
        #expect(status == .ok && body == String(decoding: Assets.style, as: UTF8.self) && !body.isEmpty)
        #expect(headers[.contentType] == "text/css; charset=utf-8")
        #expect(headers[.cacheControl] == "public, max-age=31536000, immutable")
        let other = try await get("/assets/0123456789abcdef.css")
        #expect(other.0 == .ok && other.1[.cacheControl] == "no-store" && other.2 == body)
    }

    @Test("A theme and an icon for every colour") func colors() async throws {
        let theme = try await get(Assets.themePath(Brand.defaultColor))
        #expect(theme.0 == .ok && theme.2 == Theme(Brand.defaultColor).styleSheet)
        #expect(theme.1[.contentType] == "text/css; charset=utf-8" && theme.1[.cacheControl] == "public, max-age=86400")
        let icon = try await get(Assets.iconPath(Brand.defaultColor))
        #expect(icon.0 == .ok && icon.2.contains("#3b49df") && icon.1[.contentType] == "image/svg+xml")
        #expect(icon.1[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
    }

    @Test(
        "Anything else does not exist",
        arguments: [
            "/assets/theme/red.css", "/assets/theme/3B49DF.css", "/assets/theme/3b49df", "/assets/theme/3b49df.svg",
            "/assets/theme/3b49df0.css",
            "/assets/theme/%23b49df.css", "/assets/icon/3b49df.css", "/assets/x.css", "/assets/.css", "/assets/page.css",
            "/assets/0123456789abcde%22.css",
            "/assets/0123456789abcdef.js", "/assets/theme/..%2f3b49df.css",
        ]) func nothing(_ path: String) async throws
    {
        #expect(try await get(path).0 == .notFound)
    }
}
