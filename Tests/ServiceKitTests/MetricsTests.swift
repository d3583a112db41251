import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import ServiceKit

@Suite("Metrics") struct MetricsTests {
    private static func lines(_ registry: PrometheusRegistry, of name: String) -> [String] {
        registry.exposition().split(separator: "\n").map(String.init).filter { $0.hasPrefix(name) }
    }

    @Test(
        "A duration counts in the first bucket that it does not exceed",
        arguments: [
            (0, 0), (250_000, 0), (250_001, 1), (500_000, 1), (1_000_000, 2), (1_000_001, 3), (10_000_000_000, 13), (10_000_000_001, 14),
            (Int64.max / 2, 14),
        ] as [(Int64, Int)])
    func buckets(nanoseconds: Int64, bucket: Int) {
        let histogram = Histogram.make()
        defer { histogram.destroy() }
        histogram.recordNanoseconds(nanoseconds)
        #expect(histogram.state.counts.firstIndex(of: 1) == bucket)
        #expect(histogram.state.counts.reduce(0, +) == 1)
        #expect(histogram.state.nanoseconds == Int(nanoseconds))
        // The bucket is the one that the published bounds say.
        #expect(bucket == Histogram.bounds.firstIndex { Int(nanoseconds) <= $0 } ?? Histogram.bounds.count)
    }

    @Test("A table never holds more names than it may, and one value for each name, however many threads insert") func table() async {
        let table = AtomicTable<Histogram>(limit: 100) { $0.destroy() }
        let positions = await withTaskGroup(of: [Int?].self) { group in
            for _ in 0..<8 { group.addTask { (0..<150).map { table.insert("name-\($0)", Histogram.make) } } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(table.entries.count <= 100)
        #expect(Set(table.entries.map(\.name)).count == table.entries.count)
        for number in 0..<150 {
            let found = Set(positions.compactMap { $0[number] })
            #expect(found.count <= 1)
            #expect(table.position(of: "name-\(number)") == found.first)
        }
        #expect(table.position(of: "name-") == nil)
        #expect(table.position(of: "") == nil)
    }

    @Test("Requests are told by route, method and class of status; what is not in the list of methods is other") func routes() {
        let registry = PrometheusRegistry()
        let metrics = RequestMetrics(registry, tenants: TenantLabels(limit: 0))
        for status in [200, 204, 404, 500, 503] { metrics.record(1, route: "/a/:b", method: .get, status: status, note: 0) }
        metrics.record(1, route: "/a/:b", method: HTTPRequest.Method("BREW") ?? .trace, status: 999, note: 0)
        let counts = Self.lines(registry, of: "http_request_duration_seconds_count")
        #expect(
            Set(counts) == [
                "http_request_duration_seconds_count{route=\"/a/:b\",method=\"GET\",status=\"2xx\"} 2",
                "http_request_duration_seconds_count{route=\"/a/:b\",method=\"GET\",status=\"4xx\"} 1",
                "http_request_duration_seconds_count{route=\"/a/:b\",method=\"GET\",status=\"5xx\"} 2",
                "http_request_duration_seconds_count{route=\"/a/:b\",method=\"other\",status=\"5xx\"} 1",
            ])
    }

    @Test("Routes beyond any program's number share one label") func manyRoutes() {
        let registry = PrometheusRegistry()
        let metrics = RequestMetrics(registry)
        for number in 0..<2000 { metrics.record(1, route: "/\(number)", method: .get, status: 200, note: 0) }
        let counts = Self.lines(registry, of: "http_request_duration_seconds_count")
        #expect(counts.count == 513)
        #expect(counts.contains("http_request_duration_seconds_count{route=\"unlisted\",method=\"GET\",status=\"2xx\"} 1488"))
    }

    @Test("The first tenants have labels of their own, the others share one") func firstTenants() {
        let registry = PrometheusRegistry()
        let tenants = TenantLabels(limit: 2)
        let metrics = RequestMetrics(registry, tenants: tenants)
        for slug in ["acme", "globex", "initech", "umbrella", "acme"] {
            metrics.record(1, route: "/", method: .get, status: slug == "initech" ? 500 : 200, note: tenants.label(of: slug).rawValue)
        }
        metrics.record(1, route: "/", method: .get, status: 200, note: 0)
        #expect(
            Self.lines(registry, of: "sallyport_tenant_requests_total") == [
                "sallyport_tenant_requests_total{tenant=\"acme\",status=\"2xx\"} 2.0",
                "sallyport_tenant_requests_total{tenant=\"globex\",status=\"2xx\"} 1.0",
                "sallyport_tenant_requests_total{tenant=\"other\",status=\"2xx\"} 1.0",
                "sallyport_tenant_requests_total{tenant=\"other\",status=\"5xx\"} 1.0",
            ])
    }

    @Test("Where tenants are named, nobody else gets a label") func namedTenants() async throws {
        let tenants = try TenantLabels(await Settings(environment: ["SALLYPORT_METRICS_TENANTS": "globex, acme"]))
        _ = tenants.label(of: "initech")
        #expect(tenants.series.map(\.tenant) == ["acme", "globex"])
    }

    @Test(
        "What is neither a number of tenants nor their slugs is refused",
        arguments: ["-1", "1001", "Acme", "acme,", ",", "a b", "acme;globex", "acme,\u{e9}"])
    func unusable(text: String) async throws {
        let settings = try await Settings(environment: ["SALLYPORT_METRICS_TENANTS": text])
        #expect(throws: SettingError.self) { try TenantLabels(settings) }
    }

    // MARK: Who may read

    private static func status(
        of headers: HTTPFields, from readers: String, kind: TestingSetup = .live
    ) async throws -> HTTPResponse.Status {
        let registry = PrometheusRegistry()
        let access = MetricsAccess(try TrustedProxies(readers, variable: "V"))
        let health = Health(checks: [.init("nothing") { true }], registry: registry, access: access)
        let router = Router(context: ServiceContext.self)
        router.add(
            middleware: RequestPipeline(proxies: try TrustedProxies("127.0.0.1", variable: "V"), metrics: RequestMetrics(registry)) {
                status, headers in Response(status: status, headers: headers)
            })
        health.addRoutes(to: router)
        return try await Application(router: router).test(kind) { client in
            try await client.execute(uri: "/metrics", method: .get, headers: headers) { response in
                if response.status == .ok { #expect(String(buffer: response.body).contains("sallyport_ready{check=\"nothing\"} 1\n")) }
                return response.status
            }
        }
    }

    @Test("Metrics are for the addresses that were named, and for nobody through a gateway") func access() async throws {
        let forwarded: [HTTPField.Name] = [.forwardedFor, .forwardedHost, try #require(HTTPField.Name("Forwarded"))]
        #expect(try await Self.status(of: [:], from: "127.0.0.1,::1") == .ok)
        #expect(try await Self.status(of: [:], from: "10.0.0.0/8") == .notFound)
        #expect(try await Self.status(of: [:], from: "") == .notFound)
        for name in forwarded {
            #expect(try await Self.status(of: [name: "127.0.0.1"], from: "127.0.0.1,::1") == .notFound)
        }
    }
}
