import HTTPTypes
import Metrics
import Testing

@testable import ServiceKit

@Suite("What a server takes on") struct ServerLoadTests {
    private let registry = PrometheusRegistry()

    private func load(
        hasRoom: @escaping HTTPService.Room = { _ in true }, _ change: (inout ServerLimits) -> Void
    ) -> ServerLoad {
        var limits = ServerLimits()
        change(&limits)
        return ServerLoad(limits, refusal: [], hasRoom: hasRoom, metrics: registry)
    }

    private static func request(_ path: String = "/a") -> HTTPRequest {
        HTTPRequest(method: .get, scheme: "http", authority: "h", path: path)
    }

    @Test("In a crowd who would find no room is refused, takes no place, and holds up nobody else") func room() {
        let load = load(hasRoom: { $0.path != "/full" }) {
            $0.crowd = 1
            $0.requests = 3
        }
        #expect(load.admit(Self.request("/full"), delay: 0) && load.admit(Self.request("/full"), delay: 0), "no crowd yet")
        #expect(!load.admit(Self.request("/full"), delay: 0))
        #expect(load.admit(Self.request("/other"), delay: 0))
        #expect(registry.exposition().contains("http_requests_shed_total{reason=\"line\"} 1\n"))
    }

    @Test("One request too many is refused, counted, and has a place once another has ended") func number() {
        let load = load { $0.requests = 2 }
        #expect(load.admit(Self.request(), delay: 0) && load.admit(Self.request(), delay: 0))
        #expect(!load.admit(Self.request(), delay: 0))
        #expect(!load.admit(Self.request(), delay: 0), "a refusal takes no place")
        load.end()
        #expect(load.admit(Self.request(), delay: 0))
        #expect(!load.admit(Self.request(), delay: 0))
        #expect(registry.exposition().contains("http_requests_shed_total{reason=\"requests\"} 3\n"))
    }

    @Test("Who would wait longer than is good is refused, and takes no place") func delay() {
        let load = load {
            $0.requests = 1
            $0.patience = .milliseconds(200)
        }
        #expect(!load.admit(Self.request(), delay: 200_000_001))
        #expect(load.admit(Self.request(), delay: 200_000_000))
        #expect(registry.exposition().contains("http_requests_shed_total{reason=\"delay\"} 1\n"))
    }

    @Test("Bodies have a bound together, and room again when they are given back") func bodies() {
        let load = load { $0.bodyBytes = 100 }
        #expect(load.take(bodyBytes: 100))
        #expect(!load.take(bodyBytes: 1))
        load.release(bodyBytes: 1)
        load.release(bodyBytes: 50)
        #expect(load.take(bodyBytes: 50))
        #expect(!load.take(bodyBytes: 1))
    }

    @Test(
        "Health is always answered, and nothing that only looks like it",
        arguments: [
            ("/livez", true), ("/readyz", true), ("/metrics", true), ("/livez/", false), ("/livez?", false), ("/livezz", false),
            ("/", false),
            ("/api/v1/metrics", false), (nil, false),
        ] as [(String?, Bool)])
    func health(path: String?, isHealth: Bool) {
        #expect(ServerLoad.isHealth(path) == isHealth)
    }

    @Test(
        "Who waits for revocations is no work",
        arguments: [
            ("/t/acme/revocations", true), ("/t/acme/revocations?after=5", true), ("/t/acme/revocations/", false),
            ("/t/acme/revocation", false),
            ("/t/acme/oauth2/token?x=/revocations", false), ("", false), (nil, false),
        ] as [(String?, Bool)])
    func waiting(path: String?, isWaiting: Bool) {
        #expect(ServerLoad.isWaiting(path) == isWaiting)
    }
}
