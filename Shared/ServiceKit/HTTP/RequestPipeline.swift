internal import FoundationEssentials
public import HTTPTypes
public import Hummingbird
internal import Logging
internal import Postgres
internal import Synchronization
internal import Telemetry

/// What happens around every request, in one place: request id, client address, metrics, trace, the mapping of errors to answers, one log line for
/// a failure.
public struct RequestPipeline: RouterMiddleware {
    public typealias Context = ServiceContext
    /// Renders errors that are not a ``Refusal``: status, a short machine-readable kind, and headers to add.
    public typealias FailureResponse = @Sendable (HTTPResponse.Status, HTTPFields) -> Response

    private let proxies: TrustedProxies
    private let metrics: RequestMetrics
    private let tracer: Tracer?
    private let failure: FailureResponse

    /// - Parameter tracer: nil where nothing is traced.
    public init(proxies: TrustedProxies, metrics: RequestMetrics, tracer: Tracer? = nil, failure: @escaping FailureResponse) {
        self.proxies = proxies
        self.metrics = metrics
        self.tracer = tracer
        self.failure = failure
    }

    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = MonotonicTime.nanoseconds
        let context = identified(request, context)
        var response: Response
        if let span = tracer?.begin(request) {
            response = await Span.$current.withValue(span) { await respond(request, context, next) }
            end(span, request, context, response)
        } else {
            response = await respond(request, context, next)
        }
        response.headers[.requestID] = context.requestID
        metrics.record(
            MonotonicTime.nanoseconds &- start, route: route(of: context), method: request.method, status: response.status.code,
            note: RequestSlots.leave(context.slot)
        )
        return response
    }

    private func respond(
        _ request: Request, _ context: Context, _ next: @concurrent (Request, Context) async throws -> Response
    ) async -> Response {
        do {
            return try await next(request, context)
        } catch {
            return answer(to: error, request: request, context: context)
        }
    }

    /// Of what the client sent, nothing but the method is told: a path may name people, and a query anything.
    private func end(_ span: Span, _ request: Request, _ context: Context, _ response: Response) {
        let (method, route, status) = (RequestMetrics.name(of: request.method), route(of: context), response.status.code)
        span.end(
            "\(method) \(route)", failure: status >= 500 ? String(status) : nil,
            [
                ("http.request.method", .text(method)), ("http.route", .text(route)), ("http.response.status_code", .integer(status)),
                ("sallyport.request_id", .text(context.requestID)),
            ])
    }

    /// As the router knows it. Where it has none, what the client asked for is not repeated.
    private func route(of context: Context) -> String {
        guard let path = context.endpointPath, path != "NotFound" else { return "unmatched" }
        return path
    }

    private func identified(_ request: Request, _ context: Context) -> Context {
        var context = context
        context.isFromGateway = proxies.contains(context.peer)
        if context.isFromGateway, let id = request.headers[.requestID], RequestIdentifier.isAcceptable(id) {
            context.requestID = id
        } else {
            context.requestID = RequestIdentifier.make()
        }
        context.slot = RequestSlots.take()
        return context
    }

    private func answer(to error: any Error, request: Request, context: Context) -> Response {
        switch error {
        case let refusal as any Refusal:
            if let detail = refusal.operatorDetail {
                context.logger.notice("request refused", metadata: metadata(request, context, "detail", detail))
            }
            return refusal.response()
        case let error as MethodNotAllowed:
            return failure(.methodNotAllowed, [.allow: error.allow])
        case let error as any HTTPResponseError:
            return failure(error.status, error.status == .contentTooLarge ? [.connection: "close"] : [:])
        case let error as PostgresError where error.isTransient:
            context.logger.error("database unavailable", metadata: metadata(request, context, "error", "\(error)"))
            return failure(.serviceUnavailable, [.retryAfter: "1"])
        case is CancellationError:
            return failure(.serviceUnavailable, [.retryAfter: "1"])
        default:
            let detail = (error as? PostgresError)?.debugDescription ?? "\(error)"
            context.logger.error("request failed", metadata: metadata(request, context, "error", detail))
            return failure(.internalServerError, [:])
        }
    }

    private func metadata(_ request: Request, _ context: Context, _ name: String, _ detail: String) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "method": .string(RequestMetrics.name(of: request.method)), "route": .string(route(of: context)),
            "request_id": .string(context.requestID), "client": .string(context.clientAddress(request)), name: .string(detail),
        ]
        // A trace that is recorded is known to the log already; one that is not has its name still.
        if Span.current == nil, context.isFromGateway, let trace = request.headers[.traceparent].flatMap({ TraceContext($0) }) {
            metadata["trace_id"] = .string(trace.traceID.description)
        }
        return metadata
    }
}

/// Where no gateway gave an id: 64 random bits of this process, then a count.
enum RequestIdentifier {
    private static let process = UInt64.random(in: .min ... .max)
    private static let count = Atomic<UInt64>(0)

    static func make() -> String {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        return String(unsafeUninitializedCapacity: 32) { digits in
            for place in 0..<32 {
                let digit = UInt8(truncatingIfNeeded: (place < 16 ? process : number) >> UInt64(60 - place % 16 * 4)) & 0xf
                digits[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
            }
            return 32
        }
    }

    /// 8 to 128 characters that cannot break a log line or a header.
    static func isAcceptable(_ id: String) -> Bool {
        (8...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x5f
                    || byte == 0x2e
            }
    }
}
