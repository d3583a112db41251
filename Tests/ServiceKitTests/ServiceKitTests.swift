import Metrics
import NIOCore
import ServiceKit
import Testing

@Suite("Settings") struct SettingsTests {
    @Test("An unusable value is refused with the variable's name") func errors() async throws {
        let settings = try await Settings(environment: [
            "SALLYPORT_PORT": "eighty", "SALLYPORT_LISTEN": "nowhere", "SALLYPORT_BASE_URL": "http://host/",
            "SALLYPORT_KEY_FILE": "/nowhere",
        ])
        #expect(throws: SettingError.self) { try settings.integer("PORT", default: 1, in: 1...10) }
        #expect(throws: SettingError.self) { try settings.listenAddress("LISTEN", default: "a:1") }
        #expect(throws: SettingError.self) { try settings.baseURL("BASE_URL") }
        #expect(throws: SettingError.self) { try settings.required("ABSENT", cure: "Set it.") }
        let error = #expect(throws: SettingError.self) { try settings.secret("KEY", cure: "Set it.") }
        #expect(error?.variable == "SALLYPORT_KEY_FILE")
    }

    @Test("Values are read and defaults apply") func values() async throws {
        let settings = try await Settings(environment: [
            "SALLYPORT_LISTEN": "[::1]:80", "SALLYPORT_BASE_URL": "https://id.example", "SALLYPORT_EMPTY": "",
        ])
        #expect(try settings.listenAddress("LISTEN", default: "a:1") == (host: "::1", port: 80))
        #expect(try settings.listenAddress("OTHER", default: "a:1") == (host: "a", port: 1))
        #expect(try settings.baseURL("BASE_URL") == "https://id.example")
        #expect(settings.optional("EMPTY") == nil)
    }

    @Test("A configuration file that is missing is named") func file() async {
        await #expect(throws: SettingError.self) {
            try await Settings(environment: ["SALLYPORT_CONFIG_FILE": "/nowhere.json"])
        }
    }
}

@Suite("Trusted proxies") struct TrustedProxiesTests {
    @Test(
        "Membership",
        arguments: [
            ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "127.0.0.2", false), ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.0/23", "10.1.3.255", true), ("10.1.2.0/23", "10.1.4.0", false),
            ("::1", "::1", true), ("127.0.0.1", "::ffff:127.0.0.1", true), ("fd00::/8", "fd12::1", true), ("fd00::/8", "fe80::1", false),
            ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false), ("", "127.0.0.1", false),
            ("10.0.0.1, 127.0.0.1", "127.0.0.1", true),
        ])
    func membership(list: String, address: String, isMember: Bool) throws {
        let proxies = try TrustedProxies(list, variable: "V")
        #expect(proxies.contains(try SocketAddress(ipAddress: address, port: 1)) == isMember)
    }

    @Test("Refused", arguments: ["localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "::/129", "300.1.1.1"])
    func refused(list: String) {
        #expect(throws: SettingError.self) { try TrustedProxies(list, variable: "V") }
    }
}

@Suite("Prometheus text format") struct PrometheusTests {
    @Test("Counters, gauges and histograms are written") func exposition() {
        let registry = PrometheusRegistry()
        Counter(label: "requests.total", dimensions: [("route", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Meter(label: "pool_size", factory: registry).set(2)
        let timer = Timer(label: "duration_seconds", factory: registry)
        timer.recordNanoseconds(1_000_000)
        timer.recordNanoseconds(20_000_000_000)
        let text = registry.exposition()
        #expect(text.contains("# TYPE requests_total counter\nrequests_total{route=\"a\\\"b\\\\c\\nd\"} 3\n"))
        #expect(text.contains("pool_size 2.0\n"))
        #expect(text.contains("duration_seconds_bucket{le=\"0.0005\"} 0\nduration_seconds_bucket{le=\"0.001\"} 1\n"))
        #expect(text.contains("duration_seconds_bucket{le=\"+Inf\"} 2\n"))
        #expect(text.contains("duration_seconds_count 2\n"))
    }
}
