import Metrics
import Testing

@testable import ServiceKit

@Suite("What a server takes on") struct ServerLoadTests {
    private let registry = PrometheusRegistry()

    private func load(_ change: (inout ServerLimits) -> Void) -> ServerLoad {
        var limits = ServerLimits()
        change(&limits)
        return ServerLoad(limits, refusal: [], metrics: registry)
    }

    @Test("One request too many is refused, counted, and has a place once another has ended") func number() {
        let load = load { $0.requests = 2 }
        #expect(load.admit(delay: 0) && load.admit(delay: 0))
        #expect(!load.admit(delay: 0))
        #expect(!load.admit(delay: 0), "a refusal takes no place")
        load.end()
        #expect(load.admit(delay: 0))
        #expect(!load.admit(delay: 0))
        #expect(registry.exposition().contains("http_requests_shed_total{reason=\"requests\"} 3\n"))
    }

    @Test("Who would wait longer than is good is refused, and takes no place") func delay() {
        let load = load {
            $0.requests = 1
            $0.patience = .milliseconds(200)
        }
        #expect(!load.admit(delay: 200_000_001))
        #expect(load.admit(delay: 200_000_000))
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
