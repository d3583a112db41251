import HTTPTypes
import Hummingbird
import NIOCore
import ServiceKit

/// `/assets/{hash}.css`, `/assets/theme/{rrggbb}.css` and `/assets/icon/{rrggbb}.svg`: nothing in them is secret or a tenant's.
struct AssetsEndpoint: Sendable {
    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route("assets/:file", [.get: style])
        router.route("assets/theme/:file", [.get: theme])
        router.route("assets/icon/:file", [.get: icon])
    }

    /// A name of another version is answered with this one's style, not to be kept: while instances are replaced, a page of one may load the style of another.
    @Sendable private func style(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let name = try Self.name(context, ".css")
        guard name.utf8.count == Assets.styleHash.utf8.count, name.utf8.allSatisfy(Self.isHashByte) else { throw HTTPError(.notFound) }
        return Self.answer(
            Assets.style, "text/css; charset=utf-8", caching: name == Assets.styleHash ? "public, max-age=31536000, immutable" : "no-store"
        )
    }

    @Sendable private func theme(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let color = try Self.color(context, ".css")
        return Self.answer(Array(Theme(color).styleSheet.utf8), "text/css; charset=utf-8", caching: Self.day)
    }

    @Sendable private func icon(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let color = try Self.color(context, ".svg")
        return Self.answer(Array(Assets.icon(color).utf8), "image/svg+xml", caching: Self.day)
    }

    private static let day = "public, max-age=86400"

    private static func name(_ context: ServiceContext, _ suffix: String) throws -> String {
        let file = try context.parameters.require("file")
        guard file.utf8.count > suffix.utf8.count, file.hasSuffix(suffix) else { throw HTTPError(.notFound) }
        return String(file.dropLast(suffix.count))
    }

    /// Six digits in lower case: one URL for each colour.
    private static func color(_ context: ServiceContext, _ suffix: String) throws -> BrandColor {
        let name = try name(context, suffix)
        guard let color = BrandColor(hex: name), color.hex.utf8.elementsEqual(name.utf8) else { throw HTTPError(.notFound) }
        return color
    }

    private static func isHashByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x5f
    }

    private static func answer(_ body: [UInt8], _ contentType: String, caching: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: contentType, .cacheControl: caching, .xContentTypeOptions: "nosniff",
                .contentSecurityPolicy: "default-src 'none'; style-src 'none'; frame-ancestors 'none'",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
    }
}
