import Glibc
import Hummingbird
import HummingbirdTesting
import Logging
import ServiceKit
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Connections") struct ConnectionTests {
    private static let large = ByteBuffer(repeating: UInt8(ascii: "l"), count: 1_000_000)

    /// Sends bytes as they are, piece by piece, and reads until the server closes.
    private static func exchange(_ pieces: String..., limits: ServerLimits = ServerLimits()) async throws -> String {
        try await withServer(limits) { port, _ in
            try await SystemThread.run(name: "client") {
                let connection = try open(port)
                defer { close(connection) }
                for piece in pieces { try send(piece, on: connection) }
                return String(decoding: readAll(from: connection), as: UTF8.self)
            }
        }
    }

    /// - Parameter body: gets the port, and how many requests for `/large` have been worked on.
    private static func withServer<Value: Sendable>(
        _ limits: ServerLimits = ServerLimits(), _ body: @Sendable (Int, @Sendable () -> Int) async throws -> Value
    ) async throws -> Value {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let count = Counter()
        let router = Router(context: ServiceContext.self)
        router.get("a") { _, _ in "first" }
        router.get("b") { _, _ in "second" }
        router.get("slow") { _, _ in
            try await Task.sleep(for: .milliseconds(50))
            return "slow"
        }
        router.get("large") { _, _ in
            count.value.wrappingAdd(1, ordering: .relaxed)
            return Response(status: .ok, body: ResponseBody(byteBuffer: large))
        }
        router.get("host") { request, _ in request.head.authority ?? "" }
        router.route("routed", [.get: { _, _ in Self.stream }])
        router.get("missing") { _, _ in Response(status: HTTPResponse.Status(code: 404)) }
        router.on("stream", method: .get) { _, _ in Self.stream }
        router.on("stream", method: .head) { _, _ in Self.stream }
        router.get("short") { _, _ in Self.response(of: "four", saying: 5) }
        router.get("long") { _, _ in Self.response(of: "HTTP/1.1 200 smuggled", saying: 4) }
        router.get("twice") { _, _ in Self.endedTwice }
        router.get("withheld") { _, _ in Self.withheld }
        router.get("empty") { _, _ in Response(status: .noContent, body: ResponseBody(byteBuffer: ByteBuffer(string: "smuggled"))) }
        router.head("failing") { _, _ in Response(status: .notFound, body: ResponseBody(byteBuffer: ByteBuffer(string: "smuggled"))) }
        router.post("echo") { request, _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: 200_000)))
        }
        router.get("busy") { _, _ in Response(status: .serviceUnavailable) }
        router.get("readyz") { _, _ in Response(status: .serviceUnavailable) }
        router.post("slow-echo") { request, _ in
            // Long enough for all that was sent at once to have been read.
            try await Task.sleep(for: .seconds(1))
            return Response(status: .ok, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: 200_000)))
        }
        router.post("deaf") { _, _ in Response(status: .unauthorized) }
        let server = HTTPService.make(router.buildResponder(), listen: (host: "127.0.0.1", port: 0), limits: limits, logger: logger)
        return try await server.application.test(.live) { client in
            try await body(try #require(client.port)) { count.value.load(ordering: .relaxed) }
        }
    }

    /// A body in pieces, one of them empty and one large.
    private static var stream: Response {
        Response(
            status: .ok,
            body: ResponseBody { writer in
                for piece in ["one", "", String(repeating: "2", count: 20_000), "three"] {
                    try await writer.write(ByteBuffer(string: piece))
                }
                try await writer.finish([.eTag: "\"t\""])
            })
    }

    /// An answer whose body goes on after its end, in chunks.
    private static var endedTwice: Response {
        Response(
            status: .ok,
            body: ResponseBody { writer in
                let other = writer
                try await writer.write(ByteBuffer(string: "once"))
                try await other.finish(nil)
                try? await writer.write(ByteBuffer(string: "smuggled"))
                try await writer.finish(nil)
            })
    }

    /// An answer that fails when all of its body has been written, and only then.
    private static var withheld: Response {
        Response(
            status: .ok,
            body: ResponseBody(contentLength: 20_000) { writer in
                try await writer.write(ByteBuffer(repeating: UInt8(ascii: "w"), count: 20_000))
                throw HTTPError(.internalServerError)
            })
    }

    private static func response(of text: String, saying length: Int) -> Response {
        Response(
            status: .ok,
            body: ResponseBody(contentLength: length) { writer in
                try await writer.write(ByteBuffer(string: text))
                try await writer.finish(nil)
            })
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private static func open(_ port: Int) throws -> Int32 {
        let connection = try Loopback.connect(to: port)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return connection
    }

    /// Sends, and gives the server time to read this before anything else: what arrives together tests less, and fails no more.
    private static func send(_ text: String, on connection: Int32) throws {
        let bytes = Array(text.utf8)
        try #require(write(connection, bytes, bytes.count) == bytes.count)
        usleep(20_000)
    }

    private static func readAll(from connection: Int32) -> [UInt8] {
        var received: [UInt8] = []
        readAll(from: connection) { received += $0 }
        return received
    }

    private static func readAll(from connection: Int32, _ take: (ArraySlice<UInt8>) -> Void) {
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(connection, &piece, piece.count), count > 0 { take(piece.prefix(count)) }
    }

    private static func answers(_ text: String) -> [String] { text.split(separator: "HTTP/1.1 ").map(String.init) }

    @Test("Requests that are sent at once are answered in order, the last one closes") func pipelined() async throws {
        let body = String(repeating: "x", count: 100_000)
        let answers = Self.answers(
            try await Self.exchange(
                """
                GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
                POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)\
                POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n
                """))
        try #require(answers.count == 4, "\(answers)")
        #expect(answers[0].hasPrefix("200") && answers[0].hasSuffix("first"))
        #expect(answers[1].hasPrefix("200") && answers[1].hasSuffix(body))
        #expect(answers[2].hasPrefix("404"), "and its body is read past")
        #expect(answers[3].hasPrefix("200") && answers[3].hasSuffix("second") && answers[3].lowercased().contains("connection: close"))
    }

    @Test("A body that arrives behind a request which takes its time is read") func bodyBehindSlow() async throws {
        let body = String(repeating: "x", count: 100_000)
        let answers = Self.answers(
            try await Self.exchange(
                """
                GET /slow HTTP/1.1\r\nHost: h\r\n\r\n\
                POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)\
                GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n
                """))
        try #require(answers.count == 4, "\(answers)")
        #expect(answers[0].hasSuffix("slow") && answers[1].hasSuffix("abc") && answers[2].hasSuffix(body) && answers[3].hasSuffix("second"))
    }

    @Test("Who takes no answers gets no more of them, and all of them later") func unread() async throws {
        let requests = 40
        try await Self.withServer { port, count in
            let connection = try Self.open(port)
            defer { close(connection) }
            try await SystemThread.run(name: "client") {
                try Self.send(String(repeating: "GET /large HTTP/1.1\r\nHost: h\r\n\r\n", count: requests), on: connection)
                try Self.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", on: connection)
            }
            let deadline = ContinuousClock.now + .seconds(10)
            while count() == 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(1)) }
            // That nothing more happens is seen by waiting alone.
            try await Task.sleep(for: .milliseconds(100))
            #expect(count() > 0 && count() < requests / 2, "worked on \(count()) of \(requests)")
            let (received, end) = try await SystemThread.run(name: "client") {
                var (received, end) = (0, [UInt8]())
                Self.readAll(from: connection) { piece in
                    received += piece.count
                    end = (end + piece.suffix(5)).suffix(5)
                }
                return (received, end)
            }
            #expect(count() == requests)
            #expect(received > requests * Self.large.readableBytes)
            #expect(String(decoding: end, as: UTF8.self) == "first")
        }
    }

    @Test(
        "An answer that may have no body has none, and the next one begins where it should",
        arguments: [
            ("GET /empty", "204"), ("HEAD /failing", "404"), ("HEAD /nothing", "404"), ("HEAD /stream", "200"),
            ("HEAD /routed", "200"),
        ]) func bodiless(_ request: String, _ status: String) async throws
    {
        let text = try await Self.exchange("\(request) HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        let answers = Self.answers(text)
        try #require(answers.count == 2, "\(text)")
        #expect(answers[0].hasPrefix(status) && answers[0].hasSuffix("\r\n\r\n"), "\(answers[0])")
        #expect(!answers[0].lowercased().contains("\r\ncontent-length: 0\r\n"), "nobody knows that: \(answers[0])")
        #expect(answers[1].hasSuffix("second"))
    }

    @Test(
        "What is no HTTP is answered 400 once and ends the connection, also when more of it follows",
        arguments: [
            "GET / HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n", "GET /a HTTP/1.1\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: h\r\nhOST: h\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnothing\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: user@h\r\n\r\n", "GET http://user@h/a HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nLong: \(String(repeating: "x", count: 17_000))",
        ], [[], ["more", "and more"]]) func malformed(_ request: String, _ more: [String]) async throws
    {
        let answer =
            more.isEmpty ? try await Self.exchange(request) : try await Self.exchange(request, more[0], more[1])
        #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(200))")
        #expect(Self.answers(answer).count == 1, "once")
    }

    @Test("A request before one that is malformed has its answer; one that is answered gets no second") func answeredOnce() async throws {
        let slow = Self.answers(try await Self.exchange("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", "no HTTP\r\n\r\n", "more"))
        #expect(slow.count == 1 && slow[0].hasSuffix("slow"), "\(slow)")
        let deaf = Self.answers(
            try await Self.exchange("POST /deaf HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "nothing\r\n"))
        #expect(deaf.count == 1 && deaf[0].hasPrefix("401"), "\(deaf)")
    }

    @Test("What is read and forgotten does not count among the bodies") func forgotten() async throws {
        var limits = ServerLimits()
        limits.bodyBytes = 150_000
        let body = String(repeating: "x", count: 100_000)
        let deaf = "POST /deaf HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"
        let answers = Self.answers(
            try await Self.exchange(
                deaf, body + deaf, body, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n\(body)",
                limits: limits))
        #expect(answers.map { $0.prefix(3) } == ["401", "401", "200"])
    }

    @Test("In a crowd nobody is refused at once, but whoever asks for health") func heldBack() async throws {
        var limits = ServerLimits()
        (limits.crowd, limits.holdBack) = (0, .milliseconds(400))
        let start = ContinuousClock.now
        let busy = try await Self.exchange("GET /busy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", limits: limits)
        #expect(busy.hasPrefix("HTTP/1.1 503") && ContinuousClock.now - start >= .milliseconds(400))
        limits.holdBack = .seconds(60)
        let health = try await Self.exchange("GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", limits: limits)
        #expect(health.hasPrefix("HTTP/1.1 503"))
        limits.crowd = 1
        let alone = try await Self.exchange("GET /busy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", limits: limits)
        #expect(alone.hasPrefix("HTTP/1.1 503"), "and who is alone")
    }

    @Test("One request too many is refused a while later, with its body read past, and what is behind it has its turn") func tooMany()
        async throws
    {
        var limits = ServerLimits()
        (limits.requests, limits.holdBack) = (0, .milliseconds(400))
        let start = ContinuousClock.now
        let answers = Self.answers(
            try await Self.exchange(
                """
                POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\
                GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n\
                HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n\
                GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n
                """, limits: limits))
        try #require(answers.count == 4, "\(answers)")
        #expect(answers.allSatisfy { $0.hasPrefix("503") })
        #expect(answers[2].hasSuffix("\r\n\r\n"), "HEAD has no body")
        #expect(ContinuousClock.now - start >= .milliseconds(800))
        let last = try await Self.exchange("HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", limits: limits)
        #expect(last.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n") && last.hasSuffix("\r\n\r\n"), "nor where it is the last: \(last)")
    }

    @Test("Who is refused a while later, and sends what is no HTTP meanwhile, is refused and sent away") func garbageMeanwhile()
        async throws
    {
        var limits = ServerLimits()
        (limits.requests, limits.holdBack) = (0, .milliseconds(400))
        let answer = try await Self.exchange("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "no HTTP\r\n\r\n", limits: limits)
        #expect(Self.answers(answer).count == 1 && answer.hasPrefix("HTTP/1.1 503"))
        #expect(answer.lowercased().contains("connection: close"))
    }

    @Test("What came behind a request before the bytes that are no HTTP is not begun beside it") func garbageBehind() async throws {
        let body = String(repeating: "x", count: 150_000)
        let text = try await Self.exchange(
            """
            POST /slow-echo HTTP/1.1\r\nHost: h\r\nContent-Length: 150000\r\n\r\n\(body)\
            GET /a HTTP/1.1\r\nHost: h\r\n\r\n\
            no HTTP\r\n\r\n
            """)
        let answers = Self.answers(text)
        #expect(answers.count == 1 && answers[0].hasSuffix(body), "\(answers.map { $0.prefix(200) })")
    }

    @Test("A client that would speak something else is answered, and its connection closed") func upgrade() async throws {
        let answer = try await Self.exchange("GET /slow HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "GET /a")
        #expect(Self.answers(answer).count == 1)
        #expect(answer.hasSuffix("slow") && answer.lowercased().contains("connection: close"))
    }

    @Test("Who waits for it is told to send the body") func expectation() async throws {
        let text = try await Self.withServer { port, _ in
            try await SystemThread.run(name: "client") {
                let connection = try Self.open(port)
                defer { close(connection) }
                try Self.send(
                    "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                    on: connection)
                var head = [UInt8](repeating: 0, count: 100)
                let count = read(connection, &head, head.count)
                try #require(count > 0)
                #expect(String(decoding: head.prefix(count), as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
                try Self.send("abc", on: connection)
                return String(decoding: Self.readAll(from: connection), as: UTF8.self)
            }
        }
        #expect(text.hasPrefix("HTTP/1.1 200") && text.hasSuffix("abc"))
    }

    @Test("HTTP/1.0 is answered, and its connection closed; it knows no interim answers") func old() async throws {
        #expect(try await Self.exchange("GET /a HTTP/1.0\r\n\r\n").hasSuffix("first"))
        let answer = try await Self.exchange("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
        #expect(answer.hasPrefix("HTTP/1.1 200") && answer.hasSuffix("abc"))
    }

    @Test("A body whose length is not known before comes in chunks; to who does not know them, up to the connection's end") func stream()
        async throws
    {
        let answers = Self.answers(
            try await Self.exchange(
                "GET /stream HTTP/1.1\r\nHost: h\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n"
                    + "GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"))
        try #require(answers.count == 3)
        let large = String(repeating: "2", count: 20_000)
        #expect(answers[0].lowercased().contains("\r\ntransfer-encoding: chunked\r\n"))
        #expect(answers[0].hasSuffix("\r\n\r\n3\r\none\r\n4e20\r\n\(large)\r\n5\r\nthree\r\n0\r\nETag: \"t\"\r\n\r\n"))
        #expect(!answers[1].lowercased().contains("\r\ncontent-length:"), "HEAD does not know it either: \(answers[1])")
        let old = try await Self.exchange("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(!old.lowercased().contains("\r\ntransfer-encoding:") && old.lowercased().contains("\r\nconnection: close\r\n"))
        #expect(old.hasSuffix("\r\n\r\none\(large)three"))
    }

    @Test("A body that is not as long as its answer says ends the connection, and nothing follows it", arguments: ["short", "long"])
    func length(_ path: String) async throws {
        let answer = try await Self.exchange("GET /\(path) HTTP/1.1\r\nHost: h\r\n\r\n", "GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(!answer.contains("smuggled") && !answer.contains("second"), "\(answer)")
    }

    @Test("An absolute form says whose path it is, whatever Host does") func absoluteForm() async throws {
        #expect(try await Self.exchange("GET http://h/a?x=y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").hasSuffix("first"))
        #expect(try await Self.exchange("GET http://h:80/host HTTP/1.1\r\nHost: i\r\nConnection: close\r\n\r\n").hasSuffix("\r\nh:80"))
        #expect(try await Self.exchange("GET /host HTTP/1.1\r\nHost: i\r\nConnection: close\r\n\r\n").hasSuffix("\r\ni"))
    }

    @Test("A status has its phrase also where the answer has only its number") func phrase() async throws {
        let answer = try await Self.exchange("GET /missing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 404 Not Found\r\n"), "\(answer)")
    }

    @Test("Space around values is none of theirs") func space() async throws {
        let request = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue \r\nContent-Length: 3 \r\nConnection: close\r\n\r\n"
        let answers = Self.answers(try await Self.exchange(request, "abc"))
        #expect(answers.count == 2 && answers[0].hasPrefix("100 ") && answers[1].hasSuffix("abc"), "\(answers)")
    }

    @Test("What is written after an answer's end reaches nobody, and nothing follows it") func afterTheEnd() async throws {
        let answer = try await Self.exchange("GET /twice HTTP/1.1\r\nHost: h\r\n\r\n", "GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(answer.hasSuffix("4\r\nonce\r\n0\r\n\r\n"), "\(answer)")
    }

    @Test(
        "Targets that are no paths lead nowhere",
        arguments: ["OPTIONS *", "CONNECT h:443", "GET *", "GET h:443", "GET ?a", "GET http://"])
    func targets(_ start: String) async throws {
        let answer = try await Self.exchange("\(start) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 400 ") || answer.hasPrefix("HTTP/1.1 404 "), "\(answer)")
        #expect(Self.answers(answer).count == 1)
    }

    @Test(
        "What is answered is sent, whatever comes behind it at once",
        arguments: ["nothing\r\n", "GET /long HTTP/1.1\r\nHost: h\r\n\r\n"])
    func answeredBefore(_ rest: String) async throws {
        let requests = "GET /b HTTP/1.1\r\nHost: h\r\n\r\nPOST /deaf HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        let end = rest.hasPrefix("nothing") ? rest : "0\r\n\r\n" + rest
        for _ in 0..<5 {
            let text = try await Self.withServer { port, _ in
                try await SystemThread.run(name: "client") {
                    let connection = try Self.open(port)
                    defer { close(connection) }
                    // When it has been answered, the connection's task waits for the next.
                    try Self.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", on: connection)
                    var first = [UInt8](repeating: 0, count: 1000)
                    try #require(read(connection, &first, first.count) > 0)
                    try Self.send(requests + end, on: connection)
                    return String(decoding: Self.readAll(from: connection), as: UTF8.self)
                }
            }
            let answers = Self.answers(text)
            #expect(answers.first?.hasSuffix("second") == true, "\(answers)")
            // What breaks the connection may come while the first is under way, which says then that it is the last.
            let isLast = answers.first?.contains("connection: close") == true
            #expect(isLast || answers.count > 1 && answers[1].hasPrefix("401"), "\(answers)")
        }
    }

    @Test("An answer that fails at its end is not taken for a good one") func failsAtTheEnd() async throws {
        let answer = try await Self.exchange("GET /withheld HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(!answer.hasSuffix(String(repeating: "w", count: 20_000)), "\(answer.count) characters")
    }

    @Test(
        "Who is refused and goes on sending something else than HTTP is not listened to",
        arguments: ["CONNECT h:443 HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"])
    func refusedUpgrade(_ head: String) async throws {
        let sent = try await Self.withServer { port, _ in
            try await SystemThread.run(name: "client") {
                let connection = try Self.open(port)
                defer { close(connection) }
                try Self.send(head, on: connection)
                let piece = [UInt8](repeating: 0, count: 65_536)
                var sent = 0
                let end = ContinuousClock.now + .milliseconds(500)
                while ContinuousClock.now < end {
                    let count = Glibc.send(connection, piece, piece.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                    if count > 0 { sent += count } else { usleep(1000) }
                }
                return sent
            }
        }
        // What the kernel takes by itself.
        #expect(sent < 20_000_000)
    }
}
