import AsyncHTTPClient
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServiceKit
import ServiceLifecycle
import Testing

@testable import AuthServer

/// The server of a harness on a socket of its own, for what does not end by itself.
struct LiveServer: Sendable {
    let port: Int
    private let group: ServiceGroup

    var url: String { "http://127.0.0.1:\(port)" }

    /// Begins an orderly end, as a signal does.
    func stop() async { await group.triggerGracefulShutdown() }

    static func with(_ server: AuthServerHarness, _ body: @Sendable @escaping (LiveServer) async throws -> Void) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let (ports, port) = AsyncStream<Int>.makeStream()
        var limits = ServerLimits()
        limits.drainQuiet = .milliseconds(200)
        let application = HTTPService.make(
            server.responder, listen: ("127.0.0.1", 0), limits: limits,
            onListening: { found in
                port.yield(found)
                port.finish()
            }, logger: logger)
        let services = ServiceGroup(services: [application], gracefulShutdownSignals: [], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let found = try #require(await ports.first { _ in true })
            try await body(LiveServer(port: found, group: services))
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}

/// A stream of server-sent events as it is received: the text so far.
enum ReceivedEvents {
    /// Opens the stream, and closes it after `body`.
    static func with(
        _ url: String, _ headers: [(String, String)], _ body: (inout Reader) async throws -> Void
    ) async throws {
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        do {
            var request = HTTPClientRequest(url: url)
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            let response = try await client.execute(request, timeout: .seconds(60))
            var reader = Reader(response)
            try await body(&reader)
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    struct Reader {
        let status: UInt
        let contentType: String?
        private(set) var text = ""
        private var chunks: HTTPClientResponse.Body.AsyncIterator

        init(_ response: HTTPClientResponse) {
            status = response.status.code
            contentType = response.headers.first(name: "content-type")
            chunks = response.body.makeAsyncIterator()
        }

        /// Reads on until the text fits; false: it ended before.
        mutating func read(until fits: (String) -> Bool) async throws -> Bool {
            while !fits(text) {
                guard let chunk = try await chunks.next(isolation: #isolation) else { return false }
                text += String(buffer: chunk)
            }
            return true
        }

        /// Forgets what was received.
        mutating func forget() { text = "" }

        /// The last `id:`.
        var lastID: String? {
            text.split(separator: "\n").last { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
        }
    }
}
