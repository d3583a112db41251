import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import NIOCore
import Testing

@testable import ServiceKit
@testable import Telemetry

private let sampleTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
private let sampleSpan = "00f067aa0ba902b7"

@Suite("Traces") struct TraceTests {
    // MARK: W3C Trace Context §3.2

    @Test("A traceparent is read as it was written", arguments: [true, false]) func roundTrip(isSampled: Bool) throws {
        let header = "00-\(sampleTrace)-\(sampleSpan)-\(isSampled ? "01" : "00")"
        let context = try #require(TraceContext(header))
        #expect(context.traceID.description == sampleTrace)
        #expect(context.spanID.description == sampleSpan)
        #expect(context.isSampled == isSampled)
        #expect(context.header == header)
    }

    @Test("Of a later version the known part is read") func laterVersion() {
        #expect(TraceContext("cc-\(sampleTrace)-\(sampleSpan)-01-what-comes")?.isSampled == true)
        #expect(TraceContext("cc-\(sampleTrace)-\(sampleSpan)-03")?.isSampled == true)
    }

    @Test(
        "What is not a traceparent is none",
        arguments: [
            "", "00", "ff-\(sampleTrace)-\(sampleSpan)-01", "00-\(sampleTrace)-\(sampleSpan)-01-", "00-\(sampleTrace)-\(sampleSpan)-1",
            "00-\(sampleTrace)-\(sampleSpan)-0g",
            "00-\(sampleTrace)-\(sampleSpan)01-", "00-00000000000000000000000000000000-\(sampleSpan)-01",
            "00-\(sampleTrace)-0000000000000000-01",
            "00-\(sampleTrace.uppercased())-\(sampleSpan)-01", "00-\(sampleTrace.dropLast())-\(sampleSpan)-01",
            "00-\(sampleTrace)0-\(sampleSpan)-01", "0-\(sampleTrace)-\(sampleSpan)-01",
            "cc-\(sampleTrace)-\(sampleSpan)-01x", "00_\(sampleTrace)_\(sampleSpan)_01", " 00-\(sampleTrace)-\(sampleSpan)-0",
            "00-\(sampleTrace)-\(sampleSpan)-é",
        ] as [String])
    func malformed(header: String) {
        #expect(TraceContext(header) == nil)
    }

    // MARK: What is recorded

    /// The spans of requests with these headers.
    private static func spans(
        ratio: Double, _ requests: [HTTPFields], path: String = "/things/secret-thing?token=secret-query", capacity: Int = 2048
    ) async throws -> [SpanRecord] {
        let tracer = Tracer(ratio: ratio, queue: SpanQueue(capacity: capacity))
        let router = Router(context: ServiceContext.self)
        router.add(
            middleware: RequestPipeline(
                proxies: try TrustedProxies("", variable: "V"), metrics: RequestMetrics(PrometheusRegistry()), tracer: tracer
            ) { status, headers in Response(status: status, headers: headers) })
        router.route(
            "things/:thing",
            [
                .get: { _, _ in
                    Span.current?.child(.client)?.end("step", [("number", .integer(7))])
                    return .text("there")
                },
                .post: { _, _ in throw CancellationError() },
            ])
        try await Application(router: router).test(.router) { client in
            for headers in requests {
                let method: HTTPRequest.Method = headers[.origin] == nil ? .get : .post
                try await client.execute(uri: path, method: method, headers: headers) { _ in }
            }
        }
        return tracer.queue.take(atMost: 10_000)
    }

    private static func parent(_ flags: String, trace: String = sampleTrace, span: String = sampleSpan) -> HTTPFields {
        [.traceparent: "00-\(trace)-\(span)-\(flags)"]
    }

    @Test("A span says the route and nothing else of what the client sent, and hangs below the caller's") func content() async throws {
        let spans = try await Self.spans(ratio: 0, [Self.parent("01")])
        try #require(spans.count == 2)
        let (step, request) = (spans[0], spans[1])
        #expect(request.name == "GET /things/{thing}")
        #expect(request.traceID.description == sampleTrace)
        #expect(request.parent?.description == sampleSpan)
        #expect(step.traceID == request.traceID)
        #expect(step.parent == request.id)
        #expect(request.failure == nil)
        #expect(request.startedAt <= step.startedAt && step.endedAt <= request.endedAt)
        #expect(!"\(spans)".contains("secret"))
    }

    @Test("A failure is one of the server's only") func failure() async throws {
        var headers = Self.parent("01")
        headers[.origin] = "https://a.example"
        #expect(try await Self.spans(ratio: 0, [headers]).map(\.failure) == ["503"])
        #expect(try await Self.spans(ratio: 0, [Self.parent("01")], path: "/nothing").map(\.failure) == [nil])
        #expect(try await Self.spans(ratio: 0, [Self.parent("01")], path: "/nothing").map(\.name) == ["GET unmatched"])
    }

    @Test("What nobody records is recorded for a share of all traces, the same for every service") func ratio() async throws {
        #expect(try await Self.spans(ratio: 0, [Self.parent("00"), [:], [.traceparent: "rubbish"]]).isEmpty)
        #expect(try await Self.spans(ratio: 1, [Self.parent("00"), [:], [.traceparent: "rubbish"]]).count == 6)
        let low = Self.parent("00", trace: "ffffffffffffffff3fffffffffffffff")
        let high = Self.parent("00", trace: "00000000000000014000000000000000")
        #expect(try await Self.spans(ratio: 0.25, [low]).count == 2)
        #expect(try await Self.spans(ratio: 0.25, [high]).isEmpty)
    }

    @Test("The gateway's own beginning of a trace is no parent: nobody has recorded it") func gateway() async throws {
        let beginning = Self.parent("00", span: String(sampleTrace.prefix(16)))
        #expect(try await Self.spans(ratio: 1, [beginning]).last?.parent == nil)
        #expect(try await Self.spans(ratio: 1, [Self.parent("00")]).last?.parent?.description == sampleSpan)
    }

    @Test("Callers cannot have more recorded than a hundred traces a second") func budget() async throws {
        let clock = ContinuousClock()
        var count = 0
        let time = try await clock.measure {
            count = try await Self.spans(ratio: 0, [HTTPFields](repeating: Self.parent("01"), count: 400)).count
        }
        #expect(count >= 200)
        #expect(count / 2 <= 100 * (Int(time.components.seconds) + 2))
    }

    @Test("Where there is no room spans are dropped and counted, and requests answered all the same") func overflow() async throws {
        let spans = try await Self.spans(ratio: 1, [[:], [:], [:]], capacity: 4)
        #expect(spans.count == 4)
        let queue = SpanQueue(capacity: 2)
        let trace = TraceID.random()
        for _ in 0..<5 { Span(of: trace, parent: nil, kind: .internal, to: queue).end("x") }
        let counts = queue.counts
        #expect(counts.recorded == 2)
        #expect(counts.dropped == 3)
        #expect(counts.waiting == 2)
        #expect(queue.take(atMost: 1).count == 1)
        #expect(queue.take(atMost: 9).count == 1)
        #expect(queue.take(atMost: 9).isEmpty)
    }

    @Test("A span ends once, and has a bounded number of children") func bounds() {
        let queue = SpanQueue()
        let span = Span(of: .random(), parent: nil, kind: .server, to: queue)
        #expect((0..<200).count { _ in span.child(.client) != nil } == 128)
        span.end("first")
        span.end("second")
        #expect(queue.take(atMost: 10).map(\.name) == ["first"])
    }

    // MARK: OTLP

    @Test("Spans are encoded as OTLP says: ids in hexadecimal, 64-bit integers as text, long text cut") func encoding() throws {
        let queue = SpanQueue()
        let parent = Span(of: TraceID(high: 1, low: 2), parent: nil, kind: .server, to: queue)
        let child = try #require(parent.child(.client))
        child.end("step", failure: "57014", [("count", .integer(3)), ("text", .text(String(repeating: "é", count: 3000)))])
        let body = OTLPTraces(resource: [("service.name", "auth-server")], scopeVersion: "1").body(queue.take(atMost: 9))
        let text = String(decoding: body, as: UTF8.self)
        let document = try JSONValue(parsing: body)
        let resource = try #require(document.objectValue?["resourceSpans"]?.arrayValue?.first?.objectValue)
        let spans = try #require(resource["scopeSpans"]?.arrayValue?.first?.objectValue?["spans"]?.arrayValue)
        let span = try #require(spans.first?.objectValue)
        #expect(span["traceId"]?.stringValue == "00000000000000010000000000000002")
        #expect(span["spanId"]?.stringValue == child.id.description)
        #expect(span["parentSpanId"]?.stringValue == parent.id.description)
        #expect(span["startTimeUnixNano"]?.stringValue.flatMap { UInt64($0) } ?? 0 > 1_600_000_000_000_000_000)
        #expect(text.contains(#"{"key":"service.name","value":{"stringValue":"auth-server"}}"#))
        #expect(text.contains(#"{"key":"count","value":{"intValue":"3"}}"#))
        #expect(text.contains(#""kind":3"#) && text.contains(#""status":{"code":2}"#))
        #expect(text.contains(#"{"key":"error.type","value":{"stringValue":"57014"}}"#))
        #expect(text.contains(String(repeating: "é", count: 1024) + "…\""))
    }
}
