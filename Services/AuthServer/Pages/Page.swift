import HTTPTypes
import Hummingbird
import NIOCore

/// A whole page. The values in it come from anywhere: everything is escaped.
protocol Page: Sendable {
    var brand: Brand { get }
    /// What the page is for: the heading, and the first words of the document's title.
    var title: String { get }
    /// Whether it shows a problem with what was sent; the document's title then says so first (WCAG 2.2, 2.4.2 and 3.3.1).
    var hasProblem: Bool { get }
    var width: PageWidth { get }
    /// What stands between the brand and the end of the page, beginning with the heading.
    func content() -> HTML
    /// - Parameter formTargets: where answers to the page's forms may redirect, besides this server.
    func policy(formTargets: [FormTarget]) -> ContentPolicy
    /// Markup after the content: a script that the policy names by its hash.
    var script: HTML { get }
}

enum PageWidth: String, Sendable {
    case narrow, medium, wide
}

extension Page {
    var hasProblem: Bool { false }
    var width: PageWidth { .narrow }
    var script: HTML { .empty }

    func policy(formTargets: [FormTarget]) -> ContentPolicy {
        ContentPolicy(brand: brand, forms: .ownAnd(formTargets))
    }

    /// The document as UTF-8.
    func render() -> [UInt8] {
        document().bytes
    }

    /// - Parameters:
    ///   - headers: what the caller adds, such as `Set-Cookie` or `Retry-After`; the page's own headers win.
    ///   - formTargets: ``FormTarget/onward(to:)`` on pages whose form may be answered by a redirect to the client.
    func response(status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], formTargets: [FormTarget] = []) -> Response {
        var headers = headers
        PageHeaders.set(&headers, policy: policy(formTargets: formTargets))
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: render())))
    }

    private func document() -> HTML {
        """
        <!doctype html>
        <html lang="\(Texts.language)" dir="ltr">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="robots" content="noindex, nofollow">
        <title>\(hasProblem ? Texts.problemTitle : "")\(title) – \(TextSafety.clipped(brand.displayName, to: 80))</title>
        <link rel="stylesheet" href="\(Assets.stylePath)">
        <link rel="stylesheet" href="\(Assets.themePath(brand.color))">
        <link rel="icon" type="image/svg+xml" href="\(Assets.iconPath(brand.color))">
        </head>
        <body>
        <main class="card \(width.rawValue)">
        <div class="brand">\(Parts.mark(brand, size: 36))\(Parts.name(brand.displayName))</div>
        \(content())
        </main>
        \(script)
        </body>
        </html>

        """
    }
}
