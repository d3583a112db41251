import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import ServiceKit
import Testing

@Suite("Shortcuts past the router") struct ShortcutTests {
    private static let path = "/t/:tenant/token"
    private static let viaName = HTTPField.Name("X-Via") ?? .via

    /// Answers with what a handler knows of its route.
    private static func handlers(via: String) -> [HTTPRequest.Method: Shortcut.Handler] {
        let answer: Shortcut.Handler = { _, context in
            .text("\(context.endpointPath ?? "none") \(context.parameters.get("tenant") ?? "none")").with(viaName, via)
        }
        return [.post: answer, .get: answer]
    }

    private static func responder(hasShortcut: Bool) throws -> ShortcutResponder {
        let pipeline = RequestPipeline(proxies: try TrustedProxies("", variable: "V"), metrics: RequestMetrics(PrometheusRegistry())) {
            status, headers in
            Response(status: status, headers: headers)
        }
        let router = Router(context: ServiceContext.self)
        router.add(middleware: pipeline)
        router.route(RouterPath(path), handlers(via: "router"))
        let shortcut = try #require(Shortcut(path, handlers(via: "shortcut")))
        return ShortcutResponder(hasShortcut ? [shortcut] : [], pipeline: pipeline, router: router.buildResponder())
    }

    private struct Answer: Equatable {
        let status: HTTPResponse.Status
        let allow: String?
        let body: String
    }

    private static func ask(_ method: HTTPRequest.Method, _ path: String, hasShortcut: Bool) async throws -> (answer: Answer, via: String?)
    {
        try await Application(responder: responder(hasShortcut: hasShortcut)).test(.router) { client in
            try await client.execute(uri: path, method: method) { response in
                #expect(response.headers[.requestID]?.utf8.count == 32)
                return (
                    Answer(status: response.status, allow: response.headers[.allow], body: String(buffer: response.body)),
                    response.headers[viaName]
                )
            }
        }
    }

    @Test(
        "With and without a shortcut the answer is the same",
        arguments: [
            ("/t/acme/token", "shortcut"), ("/t/acme/token?a=/b", "shortcut"), ("/t/a%2Fb/token", "shortcut"),
            ("/t/:tenant/token", "shortcut"),
            ("/t/acme/token/", "router"), ("//t/acme/token", "router"), ("/t//token", nil), ("/t/acme/tokens", nil), ("/t/acme/toke", nil),
            ("/t/acme/token/x", nil), ("/t/acme", nil), ("/t/", nil), ("/", nil), ("/T/acme/token", nil), ("/t/a/b/token", nil),
            ("/t/acme?x=/token", nil),
        ] as [(String, String?)])
    func sameAnswer(path: String, via: String?) async throws {
        for method in [HTTPRequest.Method.get, .post, .head, .put, .delete, .options] {
            let (answer, taken) = try await Self.ask(method, path, hasShortcut: true)
            #expect(answer == (try await Self.ask(method, path, hasShortcut: false)).answer, "\(method) \(path)")
            switch method {
            case .get, .post: #expect(taken == via, "\(method) \(path)")
            case .head: #expect(taken == via.map { _ in "router" }, "HEAD is the router's, as the shortcut has no handler for it")
            default: #expect(answer.status == (via == nil ? .notFound : .methodNotAllowed), "\(method) \(path)")
            }
        }
    }

    @Test("A path that could hide another route is no shortcut", arguments: ["/:table", "/livez", ":table", ""])
    func refused(path: String) {
        #expect(Shortcut(path, Self.handlers(via: "shortcut")) == nil)
    }
}

extension Response {
    fileprivate func with(_ name: HTTPField.Name, _ value: String) -> Response {
        var response = self
        response.headers[name] = value
        return response
    }
}
