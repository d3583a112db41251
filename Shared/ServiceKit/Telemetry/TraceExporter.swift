internal import AsyncHTTPClient
internal import FoundationEssentials
internal import Logging
internal import NIOCore
internal import NIOHTTP1
public import ServiceLifecycle
internal import Synchronization
internal import Telemetry

/// Posts recorded spans to a collector: `{endpoint}/v1/traces`, OTLP/HTTP in JSON.
///
/// Requests never wait for it. A collector that is away costs a bounded queue and one line in the log; what does not fit is dropped and
/// counted.
public final class TraceExporter: Service {
    private static let batchSize = 512
    private static let interval: Duration = .seconds(1)
    private static let timeout: TimeAmount = .seconds(5)
    /// A batch that a busy collector did not take is sent so often, with a pause that doubles.
    private static let attempts = 3

    private let queue: SpanQueue
    private let url: String
    private let authorization: String?
    private let encoding: OTLPTraces
    private let client: HTTPClient
    private let logger: Logger
    private let exportedCount = Atomic<Int>(0)
    private let failedCount = Atomic<Int>(0)
    private let isFailing = Atomic<Bool>(false)

    init(_ queue: SpanQueue, endpoint: String, authorization: String?, service: String, logger: Logger) {
        self.queue = queue
        url = endpoint + "/v1/traces"
        self.authorization = authorization
        self.logger = logger
        encoding = OTLPTraces(
            resource: [
                ("service.name", service), ("service.namespace", "sallyport"), ("service.version", BuildInfo.version),
                ("service.instance.id", UUID().uuidString.lowercased()), ("process.pid", String(ProcessInfo.processInfo.processIdentifier)),
            ],
            scopeVersion: BuildInfo.version
        )
        client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(redirectConfiguration: .disallow)
        )
    }

    /// Sends what there is each second, and at the end what is left, for at most a timeout.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                while await self.exportBatch(attempts: Self.attempts) {}
            }
        }
        // In a task of its own: this one may have been cancelled.
        await Task { while await self.exportBatch(attempts: 1) {} }.value
        try? await client.shutdown()
    }

    /// Since the start.
    public var counts: (exported: Int, failed: Int) {
        (exportedCount.load(ordering: .relaxed), failedCount.load(ordering: .relaxed))
    }

    /// - Returns: whether there may be more to send at once.
    private func exportBatch(attempts: Int) async -> Bool {
        let records = queue.take(atMost: Self.batchSize)
        guard !records.isEmpty else { return false }
        let body = encoding.body(records)
        var pause: Duration = .seconds(1)
        for attempt in 1...attempts {
            switch await post(body) {
            case .taken:
                exportedCount.wrappingAdd(records.count, ordering: .relaxed)
                if isFailing.exchange(false, ordering: .relaxed) { logger.notice("traces are exported again") }
                return records.count == Self.batchSize
            case .busy(let reason) where attempt < attempts:
                note(reason)
                try? await Task.sleep(for: pause)
                pause *= 2
            case .busy(let reason), .refused(let reason):
                note(reason)
            }
        }
        failedCount.wrappingAdd(records.count, ordering: .relaxed)
        return false
    }

    private enum Answer {
        case taken
        case busy(String)
        case refused(String)
    }

    private func post(_ body: [UInt8]) async -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: Self.timeout)
            // Read to its end, so that the connection can be used again.
            _ = try? await response.body.collect(upTo: 64 * 1024)
            switch response.status.code {
            case 200..<300: return .taken
            case 429, 502, 503, 504: return .busy("the answer was status \(response.status.code)")
            default: return .refused("the answer was status \(response.status.code)")
            }
        } catch {
            return .busy("the collector cannot be reached")
        }
    }

    /// Once for each time that it begins.
    private func note(_ reason: String) {
        guard !isFailing.exchange(true, ordering: .relaxed) else { return }
        logger.warning("traces cannot be exported", metadata: ["reason": .string(reason)])
    }
}
