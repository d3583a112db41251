import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import Logging
import NIOCore
import NIOPosix
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Revocations for resource servers elsewhere", .enabled(if: TestDatabase.isConfigured)) struct RevocationFeedEndpointTests {
    /// A server whose tenants have a resource server each, `api` and `foreign-api`, with their credentials.
    private struct Fixture: Sendable {
        let server: AuthServerHarness
        let acme: HTTPFields
        let globex: HTTPFields

        static func with(
            _ environment: [String: String] = [:], _ body: @Sendable @escaping (Fixture) async throws -> Void
        ) async throws {
            try await AuthServerHarness.with(environment) { server in
                func credentials(_ id: String, _ tenant: Tenant) async throws -> HTTPFields {
                    let secret = try await AuthServerHarness.service(id, in: tenant, server.administration) {
                        $0.isResourceServer = true
                        $0.scopes = try ScopeSet(parsing: "revocations:read customers:read")
                    }
                    return server.basic(id, secret: secret)
                }
                try await body(
                    Fixture(
                        server: server, acme: try await credentials("api", server.acme),
                        globex: try await credentials("foreign-api", server.globex)))
            }
        }

        func ask(_ tenant: String, _ query: String = "", _ headers: HTTPFields) async throws -> AuthServerHarness.Answer {
            try await server.get("/t/\(tenant)/revocations\(query)", headers: headers)
        }

        func targets(_ answer: AuthServerHarness.Answer) -> [String] {
            answer.json["entries"]?.arrayValue?.compactMap { $0.objectValue?["target"]?.stringValue } ?? []
        }

        func revoke(_ target: String, in tenant: Tenant, count: Int = 1) async throws {
            let end = WallClock.system.now + 3600
            _ = try await server.database.query(
                """
                INSERT INTO auth.revocation (tenant_id, period, kind, target, not_before, reason, expires_at)
                SELECT \(tenant.id.rawValue), \(Int32(end / 86_400)), 'user', \(target) || CASE number WHEN 1 THEN '' ELSE '-' || number END, now(),
                       'test', \(Date(timeIntervalSince1970: Double(end)))
                  FROM generate_series(1, \(Int64(count))) AS number
                """, settings: .tenant(tenant.id.rawValue))
        }

        var streams: Int {
            get async throws { try await metric("sallyport_revocation_streams") }
        }

        /// How many were refused since as many listen as may.
        var refused: Int {
            get async throws { try await metric("sallyport_revocation_streams_refused_total") }
        }

        private func metric(_ name: String) async throws -> Int {
            let text = try await server.client.execute(uri: "/metrics", method: .get, headers: [:], body: nil) { String(buffer: $0.body) }
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            return Int(Double(line?.split(separator: " ").last ?? "") ?? -1)
        }
    }

    private static func list(_ headers: HTTPFields) -> [(String, String)] { headers.map { ($0.name.canonicalName, $0.value) } }

    private static let events = ("accept", "text/event-stream")

    @Test("Only a tenant's own resource servers are told, by Basic or by a token of the scope") func access() async throws {
        try await Fixture.with { fixture in
            let server = fixture.server
            #expect(try await fixture.ask("acme", "", [:]).status == .unauthorized)
            #expect(try await fixture.ask("acme", "", server.basic("api", secret: "wrong")).status == .unauthorized)
            #expect(try await fixture.ask("acme", "", fixture.globex).status == .unauthorized, "another tenant's resource server")
            #expect(try await fixture.ask("acme", "", server.basic("acme-service")).status == .forbidden, "no resource server")
            #expect(try await fixture.ask("acme", "", fixture.acme).status == .ok)
            #expect(try await fixture.ask("globex", "", fixture.globex).status == .ok)

            func token(_ scope: String, _ headers: HTTPFields, _ tenant: String = "acme") async throws -> HTTPFields {
                let answer = try await server.post(
                    "/t/\(tenant)/oauth2/token", "grant_type=client_credentials&scope=\(scope)", headers: headers)
                return [.authorization: "Bearer \(answer.json["access_token"]?.stringValue ?? "")"]
            }
            #expect(try await fixture.ask("acme", "", token("revocations:read", fixture.acme)).status == .ok)
            let narrow = try await fixture.ask("acme", "", token("customers:read", fixture.acme))
            #expect(narrow.status == .forbidden && narrow.error == "insufficient_scope")
            #expect(try await fixture.ask("acme", "", token("revocations:read", fixture.globex, "globex")).status == .unauthorized)
        }
    }

    @Test("A poll begins with the whole living log, goes on from its position, and knows no other tenant") func polls() async throws {
        try await Fixture.with { fixture in
            try await fixture.revoke("a1", in: fixture.server.acme)
            try await fixture.revoke("g1", in: fixture.server.globex)
            let first = try await fixture.ask("acme", "", fixture.acme)
            #expect(fixture.targets(first) == ["a1"])
            let entry = first.json["entries"]?.arrayValue?.first?.objectValue
            #expect(entry?["kind"] == "user" && entry?["not_before"]?.intValue != nil && entry?["expires_at"]?.intValue != nil)
            let position = try #require(first.json["position"]?.stringValue)
            #expect(fixture.targets(try await fixture.ask("acme", "?after=\(position)", fixture.acme)).isEmpty)

            try await fixture.revoke("g2", in: fixture.server.globex)
            try await fixture.revoke("a2", in: fixture.server.acme)
            #expect(fixture.targets(try await fixture.ask("acme", "?after=\(position)", fixture.acme)) == ["a2"])
            #expect(fixture.targets(try await fixture.ask("globex", "", fixture.globex)) == ["g1", "g2"])
            for bad in ["?after=7", "?after=a:b:c", "?wait=-1", "?wait=31", "?wait=x", "?after=\(position)&after=\(position)"] {
                #expect(try await fixture.ask("acme", bad, fixture.acme).status == .badRequest, "\(bad)")
            }
        }
    }

    @Test("More than a page is told whole") func many() async throws {
        try await Fixture.with { fixture in
            try await fixture.revoke("a", in: fixture.server.acme, count: 2500)
            try await fixture.revoke("g", in: fixture.server.globex, count: 3)
            #expect(Set(fixture.targets(try await fixture.ask("acme", "", fixture.acme))).count == 2500)
            #expect(fixture.targets(try await fixture.ask("globex", "", fixture.globex)).count == 3)
        }
    }

    @Test("A poll that waits is answered by a revocation of its tenant, and by no other's") func waiting() async throws {
        try await Fixture.with { fixture in
            let position = try #require(try await fixture.ask("acme", "", fixture.acme).json["position"]?.stringValue)
            async let answer = fixture.ask("acme", "?after=\(position)&wait=20", fixture.acme)
            try await fixture.server.eventually("waiting") { try await fixture.streams == 1 }
            try await fixture.revoke("g", in: fixture.server.globex)
            try await fixture.revoke("a", in: fixture.server.acme)
            let start = ContinuousClock.now
            #expect(fixture.targets(try await answer) == ["a"])
            #expect(start.duration(to: .now) < .seconds(5))
            let empty = try await fixture.ask("globex", "?after=\(position)&wait=1", fixture.globex)
            #expect(fixture.targets(empty) == ["g"])
            #expect(try await fixture.streams == 0)
        }
    }

    @Test("A stream tells all that lives, then each revocation as it comes, and goes on where it was left") func stream() async throws {
        try await Fixture.with { fixture in
            try await fixture.revoke("a1", in: fixture.server.acme)
            try await fixture.revoke("g1", in: fixture.server.globex)
            try await LiveServer.with(fixture.server) { live in
                let url = "\(live.url)/t/acme/revocations"
                var position = ""
                try await ReceivedEvents.with(url, Self.list(fixture.acme) + [Self.events]) { reader in
                    #expect(reader.status == 200 && reader.contentType == "text/event-stream")
                    #expect(try await reader.read { $0.contains("event: current") && $0.hasSuffix("\n\n") })
                    #expect(reader.text.contains(#"event: revocation\#ndata: {"kind":"user","target":"a1","#))
                    #expect(!reader.text.contains("g1"))
                    #expect(try await reader.read { $0.contains("\n: heartbeat lag=") })
                    position = try #require(reader.lastID)
                    reader.forget()
                    try await fixture.revoke("g2", in: fixture.server.globex)
                    try await fixture.revoke("a2", in: fixture.server.acme)
                    #expect(try await reader.read { $0.contains("a2") && $0.contains("event: current") })
                    #expect(!reader.text.contains("g2") && !reader.text.contains("a1"))
                }
                try await fixture.revoke("a3", in: fixture.server.acme)
                for (query, headers) in [("", [("Last-Event-ID", position)]), ("?after=\(position)", [])] {
                    try await ReceivedEvents.with(url + query, Self.list(fixture.acme) + [Self.events] + headers) { reader in
                        let isCurrent = try await reader.read { $0.contains("event: current") }
                        #expect(isCurrent)
                        #expect(reader.text.contains("a2") && reader.text.contains("a3") && !reader.text.contains("a1"))
                    }
                }
            }
        }
    }

    @Test("A client has so many streams and no more; one that goes makes room") func bounds() async throws {
        try await Fixture.with(["SALLYPORT_REVOCATION_STREAMS_PER_CLIENT": "1"]) { fixture in
            try await LiveServer.with(fixture.server) { live in
                let headers = Self.list(fixture.acme) + [Self.events]
                try await ReceivedEvents.with("\(live.url)/t/acme/revocations", headers) { reader in
                    #expect(try await reader.read { $0.contains("event: current") })
                    let second = try await fixture.ask("acme", "", fixture.acme)
                    #expect(second.status == .tooManyRequests && second.headers[.retryAfter] == "5")
                    #expect(try await fixture.ask("globex", "", fixture.globex).status == .ok, "another tenant's is not concerned")
                }
                try await fixture.server.eventually("the departure is noticed") { try await fixture.streams == 0 }
                #expect(try await fixture.ask("acme", "", fixture.acme).status == .ok)
            }
        }
    }

    @Test("A client that is disabled hears no more") func disabled() async throws {
        try await Fixture.with { fixture in
            try await LiveServer.with(fixture.server) { live in
                try await ReceivedEvents.with("\(live.url)/t/globex/revocations", Self.list(fixture.globex) + [Self.events]) { other in
                    try await ReceivedEvents.with("\(live.url)/t/acme/revocations", Self.list(fixture.acme) + [Self.events]) { reader in
                        #expect(try await reader.read { $0.contains("event: current") })
                        _ = try await fixture.server.database.query(
                            "UPDATE auth.client SET disabled_at = now() WHERE tenant_id = \(fixture.server.acme.id.rawValue) AND client_id = 'api'",
                            settings: .tenant(fixture.server.acme.id.rawValue))
                        #expect(try await !reader.read { _ in false }, "the stream ends")
                    }
                    #expect(try await other.read { $0.contains(": heartbeat") })
                    other.forget()
                    #expect(try await other.read { $0.contains(": heartbeat") }, "the other goes on")
                }
            }
        }
    }

    @Test("Streams end when the server stops, and do not keep it") func shutdown() async throws {
        try await Fixture.with { fixture in
            try await LiveServer.with(fixture.server) { live in
                try await ReceivedEvents.with("\(live.url)/t/globex/revocations", Self.list(fixture.globex) + [Self.events]) { other in
                    try await ReceivedEvents.with("\(live.url)/t/acme/revocations", Self.list(fixture.acme) + [Self.events]) { reader in
                        let isCurrent = try await reader.read { $0.contains("event: current") }
                        await live.stop()
                        let start = ContinuousClock.now
                        let goesOn = (try await reader.read { _ in false }, try await other.read { _ in false })
                        #expect(isCurrent && !goesOn.0 && !goesOn.1)
                        #expect(start.duration(to: .now) < .seconds(5))
                    }
                }
            }
        }
    }

    @Test("Who does not read is cut off; others are served") func slowReader() async throws {
        try await Fixture.with(["SALLYPORT_REVOCATION_STREAM_PATIENCE_S": "1"]) { fixture in
            // More than the sockets' buffers hold.
            try await fixture.revoke(String(repeating: "a", count: 240), in: fixture.server.acme, count: 40_000)
            try await fixture.revoke("g", in: fixture.server.globex)
            try await LiveServer.with(fixture.server) { live in
                let head =
                    "GET /t/acme/revocations HTTP/1.1\r\nHost: id.example\r\nAccept: text/event-stream\r\n"
                    + "Authorization: \(fixture.acme[.authorization] ?? "")\r\n\r\n"
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .channelOption(.autoRead, value: false)
                    .channelOption(.socketOption(.so_rcvbuf), value: 4096)
                    .connect(host: "127.0.0.1", port: live.port).get()
                try await channel.writeAndFlush(ByteBuffer(string: head))
                try await fixture.server.eventually("listening") { try await fixture.streams == 1 }
                #expect(fixture.targets(try await fixture.ask("globex", "", fixture.globex)) == ["g"])
                try await fixture.server.eventually("cut off") { try await fixture.streams == 0 }
                try? await channel.close()
            }
        }
    }

    @Test("While the log cannot be heard, everything that depends on it is refused for the moment, counted, and the lag is shown")
    func staleness() async throws {
        try await Fixture.with { fixture in
            let token = try await fixture.server.token(fixture.server.acme)
            func introspect() async throws -> AuthServerHarness.Answer {
                try await fixture.server.post("/t/acme/oauth2/introspect", "token=\(token)", headers: fixture.acme)
            }
            func metric(_ name: String) async throws -> Double {
                let text = try await fixture.server.client.execute(uri: "/metrics", method: .get, headers: [:], body: nil) {
                    String(buffer: $0.body)
                }
                return Double(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }?.split(separator: " ").last ?? "") ?? -1
            }
            try await fixture.revoke("a", in: fixture.server.acme)
            try await fixture.revoke("g", in: fixture.server.globex)
            try await fixture.server.eventually("both are known") { try await metric("sallyport_revocation_entries") == 2 }
            #expect(try await introspect().status == .ok)
            #expect(try await metric("sallyport_revocation_lag_seconds") < 5)
            #expect(try await metric("sallyport_revocation_stale_refusals_total") == 0)

            try await TestDatabase.asSuperuser(of: fixture.server.database) { superuser in
                let name = try await superuser.queryOne("SELECT current_database()::text") { try $0.decode(String.self) }
                try await superuser.execute("REVOKE CONNECT ON DATABASE \(identifier: name) FROM sallyport_auth")
                try await superuser.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND usename = 'sallyport_auth' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
                    """)
                try await fixture.server.eventually("refused") { try await introspect().status == .serviceUnavailable }
                let refusal = try await introspect()
                #expect(refusal.status == .serviceUnavailable && refusal.headers[.retryAfter] == "1")
                for (tenant, headers) in [("acme", fixture.acme), ("globex", fixture.globex)] {
                    let feed = try await fixture.ask(tenant, "", headers)
                    #expect(feed.status == .serviceUnavailable && feed.headers[.retryAfter] == "1")
                }
                #expect(try await metric("sallyport_revocation_stale_refusals_total") >= 4)
                #expect(try await metric("sallyport_revocation_lag_seconds") >= 5)
                #expect(try await fixture.server.get("/readyz").status == .serviceUnavailable)
                let (another, service) = (try await fixture.server.token(fixture.server.acme), fixture.server.basic("acme-service"))
                let revoked = try await fixture.server.post("/t/acme/oauth2/revoke", "token=\(another)", headers: service)
                #expect(revoked.status == .ok, "revoking goes on")
                #expect(try await fixture.server.revoked(fixture.server.acme).count == 2)
                try await superuser.execute("GRANT CONNECT ON DATABASE \(identifier: name) TO sallyport_auth")
            }
            try await fixture.server.eventually("answered again") { try await introspect().status == .ok }
        }
    }

    @Test("Public, disabled and revoked clients are told nothing, whatever they hold") func strangers() async throws {
        try await Fixture.with { fixture in
            let server = fixture.server
            _ = try await AuthServerHarness.service("public", in: server.acme, server.administration) {
                $0.isResourceServer = true
                $0.grantTypes = [.authorizationCode]
                $0.redirectURIs = [try RedirectURI(GrantFixture.redirectURI)]
                $0.authenticationMethod = .none
            }
            #expect(try await fixture.ask("acme", "", server.basic("public", secret: "")).status == .unauthorized)
            #expect(try await fixture.ask("acme", "?client_id=public", [:]).status == .unauthorized)
            let secret = String(
                decoding: Data(base64Encoded: fixture.acme[.authorization]?.dropFirst(6).description ?? "") ?? Data(), as: UTF8.self)
            let inURL = "?client_id=api&client_secret=\(secret.dropFirst(4))"
            #expect(try await fixture.ask("acme", inURL, [:]).status == .unauthorized, "credentials are not read from the URL")

            let answer = try await server.post(
                "/t/acme/oauth2/token", "grant_type=client_credentials&scope=revocations:read", headers: fixture.acme)
            let token = try #require(answer.json["access_token"]?.stringValue)
            let bearer: HTTPFields = [.authorization: "Bearer \(token)"]
            #expect(try await fixture.ask("acme", "", bearer).status == .ok)
            #expect(try await fixture.ask("acme", "?access_token=\(token)", [:]).status == .unauthorized, "nor tokens")
            #expect(try await server.post("/t/acme/oauth2/revoke", "token=\(token)", headers: fixture.acme).status == .ok)
            #expect(try await fixture.ask("acme", "", bearer).status == .unauthorized, "its token was revoked")

            try await server.administration.clientAdministration.setDisabled(
                true, try #require(ClientID("api")), in: server.acme.id, by: .operator)
            try await server.eventually("refused") { try await fixture.ask("acme", "", fixture.acme).status == .unauthorized }
            #expect(try await fixture.ask("globex", "", fixture.globex).status == .ok)
            for (method, status) in [(HTTPRequest.Method.post, 405), (.put, 405), (.delete, 405)] {
                let refused = try await server.execute("/t/globex/revocations", method, fixture.globex, nil).status.code
                #expect(refused == status || refused == 404, "\(method)")
            }
        }
    }

    @Test("Positions of any size and kind are answered, and bounded") func positions() async throws {
        try await Fixture.with { fixture in
            try await fixture.revoke("a", in: fixture.server.acme)
            try await fixture.revoke("g", in: fixture.server.globex)
            let many = (2...1500).map(String.init).joined(separator: ",")
            let tooMany = (2...3000).map(String.init).joined(separator: ",")
            for (position, targets) in [
                ("9223372036854775807:9223372036854775807:", ["a"]), ("9999999999999999999:9999999999999999999:", ["a"]),
                ("1:1:", ["a"]), ("2:1501:\(many)", ["a"]), ("2:3001:\(tooMany)", nil), (String(repeating: "9", count: 100_000), nil),
                ("1:1:'", nil), ("1:1:%00", nil), ("1:2:1;DROP", nil),
            ] as [(String, [String]?)] {
                let answer = try await fixture.ask("acme", "?after=\(position)", fixture.acme)
                if let targets {
                    #expect(answer.status == .ok && fixture.targets(answer) == targets, "\(position.prefix(30))")
                } else {
                    #expect((400..<500).contains(answer.status.code), "\(position.prefix(30)): \(answer.status)")
                }
                var headers = fixture.acme
                headers[try #require(HTTPField.Name("Last-Event-ID"))] = position
                let header = try await fixture.ask("acme", "", headers)
                #expect(header.status == .ok || (400..<500).contains(header.status.code))
                #expect(!fixture.targets(header).contains("g"))
            }
        }
    }

    @Test("A thousand clients at once: a tenant has so many listeners, and another tenant is not concerned") func flood() async throws {
        try await Fixture.with([
            "SALLYPORT_REVOCATION_STREAMS_PER_CLIENT": "1000", "SALLYPORT_REVOCATION_STREAMS_PER_TENANT": "20",
        ]) { fixture in
            let position = try #require(try await fixture.ask("acme", "", fixture.acme).json["position"]?.stringValue)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<1000 {
                    group.addTask { try await fixture.ask("acme", "?after=\(position)&wait=5", fixture.acme).status.code }
                }
                try await fixture.server.eventually("full") { try await fixture.streams == 20 }
                #expect(try await fixture.ask("globex", "", fixture.globex).status == .ok)
                // All that were let in are told.
                try await fixture.server.eventually("the rest is refused") { try await fixture.refused >= 980 }
                try await fixture.revoke("a", in: fixture.server.acme)
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [200: 20, 429: 980])
            #expect(try await fixture.streams == 0)
        }
    }

    @Test("Discovery names the endpoint in a tenant's documents only") func discovery() async throws {
        try await Fixture.with { fixture in
            for tenant in ["acme", "globex"] {
                let document = try await fixture.server.get("/t/\(tenant)/.well-known/openid-configuration").json
                #expect(document["revocation_events_endpoint"]?.stringValue == "\(AuthServerHarness.baseURL)/t/\(tenant)/revocations")
            }
            #expect(try await fixture.server.get("/.well-known/oauth-authorization-server").json["revocation_events_endpoint"] == nil)
        }
    }
}

extension TestDatabase {
    /// A superuser's pool on the database that the pool given is on.
    static func asSuperuser(of pool: Postgres, _ body: (Postgres) async throws -> Void) async throws {
        let name = try await pool.queryOne("SELECT current_database()::text") { try $0.decode(String.self) }
        let server = ProcessInfo.processInfo.environment[variable] ?? ""
        let string =
            server.hasPrefix("postgres")
            ? server + (server.contains("?") ? "&" : "?") + "user=postgres&dbname=\(name)" : "\(server) user=postgres dbname=\(name)"
        var configuration = PostgresConfiguration(connectionString: string)
        configuration.poolSize = 1
        try await Postgres.withPool(configuration, logger: .init(label: "test"), body)
    }
}
