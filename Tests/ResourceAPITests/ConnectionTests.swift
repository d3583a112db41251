import Glibc
import Hummingbird
import HummingbirdTesting
import Logging
import ServiceKit
import Testing

@testable import Postgres

@Suite("Connections") struct ConnectionTests {
    /// Sends bytes as they are, and reads until the server closes.
    private static func exchange(_ sent: String) async throws -> String {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let router = Router(context: ServiceContext.self)
        router.get("a") { _, _ in "first" }
        router.get("b") { _, _ in "second" }
        router.post("echo") { request, _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: 200_000)))
        }
        let server = HTTPService.make(router.buildResponder(), listen: (host: "127.0.0.1", port: 0), logger: logger)
        return try await server.application.test(.live) { client in
            let port = try #require(client.port)
            return try await SystemThread.run(name: "client") { try Self.exchange(sent, with: port) }
        }
    }

    private static func exchange(_ sent: String, with port: Int) throws -> String {
        let connection = try DisconnectTests.connect(to: port)
        defer { close(connection) }
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let bytes = Array(sent.utf8)
        #expect(write(connection, bytes, bytes.count) == bytes.count)
        var received: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(connection, &piece, piece.count), count > 0 { received += piece.prefix(count) }
        return String(decoding: received, as: UTF8.self)
    }

    @Test("Requests that are sent at once are answered in order, the last one closes") func pipelined() async throws {
        let body = String(repeating: "x", count: 100_000)
        let answers = try await Self.exchange(
            """
            GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
            POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)\
            POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
            GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n
            """)
        let parts = answers.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: true)
        try #require(parts.count == 4, "\(answers.prefix(500))")
        #expect(parts[0].hasPrefix("200") && parts[0].hasSuffix("first"))
        #expect(parts[1].hasPrefix("200") && parts[1].hasSuffix(body))
        #expect(parts[2].hasPrefix("404"), "and its body is read past")
        #expect(parts[3].hasPrefix("200") && parts[3].hasSuffix("second") && parts[3].lowercased().contains("connection: close"))
    }

    @Test(
        "What is no HTTP is answered 400 and ends the connection",
        arguments: [
            "GET / HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnothing\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        ]) func malformed(_ request: String) async throws
    {
        let answer = try await Self.exchange(request)
        #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(200))")
        #expect(answer.split(separator: "HTTP/1.1 ").count == 1, "once")
    }

    @Test("HTTP/1.0 is answered, and its connection closed") func old() async throws {
        #expect(try await Self.exchange("GET /a HTTP/1.0\r\n\r\n").hasSuffix("first"))
    }
}
