internal import FoundationEssentials
public import HTTPTypes
public import Hummingbird
internal import Logging
public import Metrics
internal import Postgres
internal import Synchronization

/// What happens around every request, in one place: request id, client address, metrics, the mapping of errors to answers, one log line for a failure.
public struct RequestPipeline: RouterMiddleware {
    public typealias Context = ServiceContext
    /// Renders errors that are not a ``Refusal``: status, a short machine-readable kind, and headers to add.
    public typealias FailureResponse = @Sendable (HTTPResponse.Status, HTTPFields) -> Response

    private let proxies: TrustedProxies
    private let timers: RequestTimers
    private let failure: FailureResponse

    public init(proxies: TrustedProxies, metrics: any MetricsFactory, failure: @escaping FailureResponse) {
        self.proxies = proxies
        self.failure = failure
        timers = RequestTimers(factory: metrics)
    }

    public func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let context = identified(request, context)
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            response = answer(to: error, request: request, context: context)
        }
        response.headers[.requestID] = context.requestID
        timers.record(
            start.duration(to: .now), route: context.endpointPath ?? "unmatched", method: request.method, status: response.status.code
        )
        return response
    }

    private func identified(_ request: Request, _ context: Context) -> Context {
        var context = context
        context.isFromGateway = proxies.contains(context.peer)
        if context.isFromGateway, let id = request.headers[.requestID], RequestIdentifier.isAcceptable(id) {
            context.requestID = id
        } else {
            context.requestID = RequestIdentifier.make()
        }
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
        [
            "method": .string(request.method.rawValue), "route": .string(context.endpointPath ?? "unmatched"),
            "request_id": .string(context.requestID), "client": .string(context.clientAddress(request)), name: .string(detail),
        ]
    }
}

/// Where no gateway gave an id: 64 random bits of this process, then a count.
enum RequestIdentifier {
    private static let process = String(UInt64.random(in: .min ... .max), radix: 16)
    private static let count = Atomic<UInt64>(0)

    static func make() -> String {
        let digits = String(count.wrappingAdd(1, ordering: .relaxed).newValue, radix: 16)
        return process + String(repeating: "0", count: 16 - digits.utf8.count) + digits
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

/// Timers are made once for each route, method and status and found again without building labels.
private final class RequestTimers: Sendable {
    private struct Key: Hashable {
        let route: String
        let method: HTTPRequest.Method
        let status: Int
    }

    private static let methods: [HTTPRequest.Method] = [.get, .post, .head, .put, .patch, .delete, .options]

    private let factory: any MetricsFactory
    private let timers = Mutex<[Key: Timer]>([:])

    init(factory: any MetricsFactory) {
        self.factory = factory
    }

    func record(_ duration: Duration, route: String, method: HTTPRequest.Method, status: Int) {
        let isKnown = Self.methods.contains(method)
        let key = Key(route: route, method: isKnown ? method : .connect, status: status)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            let timer = Timer(
                label: "http_request_duration_seconds",
                dimensions: [
                    ("route", route), ("method", isKnown ? method.rawValue : "other"), ("status", String(status)),
                ],
                factory: factory
            )
            timers[key] = timer
            return timer
        }
        let (seconds, attoseconds) = duration.components
        timer.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
