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
    private let isShuttingDown = Mutex(false)

    public init(checks: [Check], registry: PrometheusRegistry) {
        self.checks = checks
        self.registry = registry
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
        router.route(
            "metrics",
            [.get: { [registry] _, _ in .text(registry.exposition(), contentType: "text/plain; version=0.0.4; charset=utf-8") }]
        )
    }

    /// Whether nothing is missing.
    public func isReady() async -> Bool { await missing().isEmpty }

    private func missing() async -> [String] {
        var missing: [String] = isShuttingDown.withLock { $0 } ? ["shutting down"] : []
        for check in checks where !(await check.isReady()) {
            missing.append(check.name)
        }
        return missing
    }

    private func readiness() async -> Response {
        let missing = await missing()
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
