public import Hummingbird
internal import JSON
public import ServiceLifecycle
internal import Synchronization

/// `/livez`, `/readyz` and `/metrics`, for the operator's side of the gateway.
///
/// Ready means that each dependency answers and shutdown has not begun; `/readyz` names what is missing.
public final class Health: Service {
    public struct Check: Sendable {
        let name: String
        let isReady: @Sendable () async -> Bool

        public init(_ name: String, isReady: @escaping @Sendable () async -> Bool) {
            self.name = name
            self.isReady = isReady
        }
    }

    private let checks: [Check]
    private let registry: PrometheusRegistry
    private let access: MetricsAccess
    private let isShuttingDown = Mutex(false)

    /// - Parameter access: who may read `/metrics`.
    public init(checks: [Check], registry: PrometheusRegistry, access: MetricsAccess) {
        self.checks = checks
        self.registry = registry
        self.access = access
    }

    /// Withdraws readiness as the first step of a shutdown: list it after the server in a `ServiceGroup`.
    public func run() async throws {
        try? await gracefulShutdown()
        isShuttingDown.withLock { $0 = true }
    }

    public func addRoutes(to router: some RouterMethods<ServiceContext>) {
        let live = Array(#"{"status":"live"}"#.utf8)
        router.route("livez", [.get: { _, _ in .json(live) }])
        router.route("readyz", [.get: { [self] _, _ in await readiness() }])
        router.route("metrics", [.get: { [self] request, context in try await metrics(request, context) }])
    }

    private func metrics(_ request: Request, _ context: ServiceContext) async throws -> Response {
        guard access.allows(request, context) else { throw HTTPError(.notFound) }
        let missing = await missing()
        var text = ExpositionText()
        text.begin("sallyport_ready", kind: "gauge", help: "Whether what the service depends on answers: 1 or 0.")
        for check in checks { text.line("sallyport_ready", "check=\"\(check.name)\"", missing.contains(check.name) ? "0" : "1") }
        return .text(registry.exposition() + text.text, contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    /// The names of what is not ready.
    private func missing() async -> [String] {
        var missing: [String] = []
        for check in checks where !(await check.isReady()) { missing.append(check.name) }
        return missing
    }

    /// Whether nothing is missing.
    public func isReady() async -> Bool {
        if isShuttingDown.withLock({ $0 }) { return false }
        return await missing().isEmpty
    }

    private func readiness() async -> Response {
        let missing = (isShuttingDown.withLock { $0 } ? ["shutting down"] : []) + (await missing())
        var body = JSONWriter(reserving: 64)
        body.beginObject()
        body.field("status", missing.isEmpty ? "ready" : "not ready")
        if !missing.isEmpty {
            body.name("missing")
            body.beginArray()
            for name in missing { body.string(name) }
            body.endArray()
        }
        body.endObject()
        return .json(status: missing.isEmpty ? .ok : .serviceUnavailable, body.bytes)
    }
}
