public import HTTPTypes
public import Hummingbird

/// A path with one variable segment that is found by its text, without walking the router: for what most requests ask for.
///
/// The router has the same path with the same handlers, and answers whatever is spelled in another way, every other method and every
/// other path. Both give a handler the same context.
public struct Shortcut: Sendable {
    public typealias Handler = @Sendable (Request, ServiceContext) async throws -> Response

    private let prefix: [UInt8]
    private let suffix: [UInt8]
    private let parameter: Substring
    private let handlers: [(method: HTTPRequest.Method, handler: Handler)]
    private let exceptions: [(method: HTTPRequest.Method, segment: String)]
    /// As the router names the route.
    fileprivate let route: String

    /// - Parameter path: with a leading slash and one `:name`, such as `/t/:tenant/oauth2/token`. Nil unless a fixed segment comes
    ///   first: other routes' fixed segments take precedence over a variable one.
    /// - Parameter exceptions: segments that are fixed in another route, by the method of that route.
    public init?(_ path: String, _ handlers: [HTTPRequest.Method: Handler], except exceptions: [HTTPRequest.Method: String] = [:]) {
        let parts = path.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count > 1 else { return nil }
        let name = parts[1].prefix { $0 != "/" }
        prefix = Array(parts[0].utf8)
        suffix = Array(parts[1].dropFirst(name.count).utf8)
        parameter = name
        route = RouterPath(path).description
        self.handlers = handlers.map { ($0.key, $0.value) }
        self.exceptions = exceptions.map { ($0.key, $0.value) }
    }

    /// - Returns: the handler and the variable segment as it was sent; nil if the request is for the router.
    fileprivate func match(_ request: Request) -> (Handler, Parameters)? {
        guard var path = request.head.path,
            let segment = path.withUTF8({ Self.segment(of: UnsafeRawBufferPointer($0), behind: prefix.span, before: suffix.span) }),
            let handler = handlers.first(where: { $0.method == request.method })?.handler,
            !exceptions.contains(where: { $0.method == request.method && $0.segment == segment })
        else { return nil }
        return (handler, Parameters([(key: parameter, value: Substring(segment))]))
    }

    private static func segment(of path: UnsafeRawBufferPointer, behind prefix: Span<UInt8>, before suffix: Span<UInt8>) -> String? {
        guard path.count > prefix.count + suffix.count else { return nil }
        for index in 0..<prefix.count where path[index] != prefix[index] { return nil }
        var end = prefix.count
        while end < path.count, path[end] != UInt8(ascii: "/"), path[end] != UInt8(ascii: "?") { end += 1 }
        guard end > prefix.count, path.count >= end + suffix.count else { return nil }
        for index in 0..<suffix.count where path[end + index] != suffix[index] { return nil }
        let rest = end + suffix.count
        guard rest == path.count || path[rest] == UInt8(ascii: "?") else { return nil }
        return String(decoding: path[prefix.count..<end], as: UTF8.self)
    }
}

/// Answers through the shortcuts where one fits, else through the router.
public struct ShortcutResponder: HTTPResponder {
    private let shortcuts: [Shortcut]
    private let pipeline: RequestPipeline
    private let router: RouterResponder<ServiceContext>

    /// - Parameter pipeline: the middleware that the router has, and no other.
    public init(_ shortcuts: [Shortcut], pipeline: RequestPipeline, router: RouterResponder<ServiceContext>) {
        self.shortcuts = shortcuts
        self.pipeline = pipeline
        self.router = router
    }

    @concurrent public func respond(to request: Request, context: ServiceContext) async throws -> Response {
        for shortcut in shortcuts {
            guard let (handler, parameters) = shortcut.match(request) else { continue }
            var context = context
            context.coreContext.parameters = parameters
            context.coreContext.endpointPath.value = shortcut.route
            return try await pipeline.handle(request, context: context, next: handler)
        }
        return try await router.respond(to: request, context: context)
    }
}
