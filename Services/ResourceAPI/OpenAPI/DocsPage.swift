import HTTPTypes
import Hummingbird
import NIOCore
import ServiceKit

/// The page at `{API}/docs`, its script and its style.
///
/// A browser sends no token when it opens a page, so the page cannot be made here: it asks for a token, loads the document with it and shows
/// it. The token is a variable of one function: not stored, not in a URL, sent to this server only (`connect-src 'self'`). Nothing in the files is
/// secret or a tenant's.
struct DocsPage: Sendable {
    struct File: Sendable {
        /// Behind `{API}/docs`.
        let suffix: String
        fileprivate let bytes: [UInt8]
        fileprivate let contentType: String
    }

    let files: [File]

    /// - Parameter path: the API's.
    init(path: String) {
        let html = String(decoding: PackageResources.docs_html, as: UTF8.self).replacing("@PATH@", with: path)
        files = [
            File(suffix: "", bytes: Array(html.utf8), contentType: "text/html; charset=utf-8"),
            File(suffix: "/docs.js", bytes: PackageResources.docs_js, contentType: "text/javascript; charset=utf-8"),
            File(suffix: "/docs.css", bytes: PackageResources.docs_css, contentType: "text/css; charset=utf-8"),
        ]
    }
}

extension DocsPage.File {
    private static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
        "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")

    var response: Response {
        var headers: HTTPFields = [
            .contentType: contentType, .cacheControl: "no-cache", .xContentTypeOptions: "nosniff", .contentSecurityPolicy: Self.policy,
        ]
        headers[.frameOptions] = "DENY"
        headers[.referrerPolicy] = "no-referrer"
        headers[.resourcePolicy] = "same-origin"
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    fileprivate static let frameOptions = literal("X-Frame-Options")
    fileprivate static let referrerPolicy = literal("Referrer-Policy")
    fileprivate static let resourcePolicy = literal("Cross-Origin-Resource-Policy")
}
