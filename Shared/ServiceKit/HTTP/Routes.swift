public import HTTPTypes
public import Hummingbird

/// Registers a path with all its methods at once, so that every other method is answered 405 with `Allow` (RFC 9110 §15.5.6).
extension RouterMethods where Context == ServiceContext {
    public typealias Handler = @Sendable (Request, ServiceContext) async throws -> Response

    public func route(_ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]) {
        var handlers = handlers
        if let get = handlers[.get], handlers[.head] == nil {
            handlers[.head] = { request, context in try await get(request, context).createHeadResponse() }
        }
        let allow = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
        for (method, handler) in handlers {
            on(path, method: method, use: handler)
        }
        let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options, .trace, .connect]
        for method in known where handlers[method] == nil {
            on(path, method: method) { _, _ -> Response in throw MethodNotAllowed(allow: allow) }
        }
    }
}

/// RFC 9110 §15.5.6.
public struct MethodNotAllowed: Error {
    public let allow: String

    /// - Parameter allow: the value of `Allow`.
    public init(allow: String) {
        self.allow = allow
    }
}
