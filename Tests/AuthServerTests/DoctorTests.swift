import Cryptography
import FoundationEssentials
import JOSE
import JSON
import NIOHTTP1
import ServiceKit
import Synchronization
import Tenancy
import TestSupport
import Testing

@testable import AuthServer
@testable import Postgres

@Suite("auth-server doctor, the database", .enabled(if: TestDatabase.isConfigured)) struct DoctorDatabaseTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let check: String
        let severity: Hazard.Severity
        let object: String
        /// What makes the hazard, as a superuser.
        let setup: String

        var testDescription: String { setup }
    }

    static let cases: [Case] = [
        Case(check: "isolation", severity: .error, object: "auth.client", setup: "ALTER TABLE auth.client DISABLE ROW LEVEL SECURITY"),
        Case(check: "isolation", severity: .error, object: "auth.tenant", setup: "ALTER TABLE auth.tenant NO FORCE ROW LEVEL SECURITY"),
        Case(check: "isolation", severity: .error, object: "auth.consent", setup: "ALTER TABLE auth.consent NO FORCE ROW LEVEL SECURITY"),
        Case(check: "isolation", severity: .error, object: "auth.role", setup: "DROP POLICY sallyport_tenancy ON auth.role"),
        Case(
            check: "isolation", severity: .error, object: "auth.signing_key",
            setup: "ALTER POLICY sallyport_tenancy ON auth.signing_key USING (true) WITH CHECK (true)"),
        Case(
            check: "isolation", severity: .error, object: "auth.extra",
            setup:
                "CREATE TABLE auth.extra (tenant_id uuid NOT NULL, id int, PRIMARY KEY (tenant_id, id)); ALTER TABLE auth.extra OWNER TO sallyport_owner"
        ),
        Case(
            check: "privilege", severity: .error, object: "auth.audit_event",
            setup: "GRANT UPDATE (details) ON auth.audit_event TO sallyport_auth"),
        Case(check: "privilege", severity: .error, object: "auth.audit_event", setup: "GRANT DELETE ON auth.audit_event TO sallyport_auth"),
        Case(check: "privilege", severity: .error, object: "auth.client", setup: "GRANT TRUNCATE ON auth.client TO sallyport_auth"),
        Case(check: "privilege", severity: .error, object: "auth.client", setup: "GRANT SELECT ON auth.client TO sallyport_api"),
        Case(check: "privilege", severity: .error, object: "auth.tenant", setup: "GRANT SELECT ON auth.tenant TO PUBLIC"),
        Case(check: "privilege", severity: .error, object: "auth", setup: "GRANT USAGE ON SCHEMA auth TO sallyport_api"),
        Case(check: "role", severity: .error, object: "auth", setup: "GRANT CREATE ON SCHEMA auth TO sallyport_auth"),
        Case(
            check: "partition", severity: .error, object: "auth.session",
            setup: "DO $$ BEGIN EXECUTE format('DROP TABLE auth.session_%s', floor(extract(epoch FROM now()) / 2419200)::int); END $$"),
        Case(
            check: "partition", severity: .warning, object: "auth.revocation",
            setup: "DO $$ BEGIN EXECUTE format('DROP TABLE auth.revocation_%s', floor(extract(epoch FROM now()) / 86400)::int + 1); END $$"),
        Case(
            check: "partition", severity: .warning, object: "auth.client_assertion",
            setup: """
                CREATE TABLE auth.client_assertion_9 PARTITION OF auth.client_assertion FOR VALUES FROM (9) TO (10);
                ALTER TABLE auth.client_assertion_9 OWNER TO sallyport_owner; ALTER TABLE auth.client_assertion_9 ENABLE ROW LEVEL SECURITY
                """),
    ]

    private func examine(_ database: TestDatabase, role: String = "sallyport_auth") async throws -> [Hazard] {
        // A throw-away cluster has fsync off.
        try await database.withPool(role: role) { try await DoctorStore(database: $0).examine() }.filter { $0.check != "database" }
    }

    private func run(_ script: String, in database: TestDatabase) async throws {
        let target = try ConnectionTarget(
            connectionString: database.connectionString(role: "postgres"), applicationName: "test", connectTimeout: .seconds(5),
            sessionOptions: [("client_min_messages", "warning")])
        try await SystemThread.run(name: "test") { _ = try BlockingConnection(target).execute(script) }
    }

    @Test("finds nothing in a database that is set up as told") func healthy() async throws {
        try await TestDatabase.with { database async throws in
            #expect(try await examine(database).isEmpty)
        }
    }

    @Test("sees each hazard, and its cure cures it", arguments: cases) func hazards(_ hazard: Case) async throws {
        try await TestDatabase.with { database async throws in
            try await run(hazard.setup, in: database)
            let mine = try await examine(database).filter { $0.check == hazard.check && $0.object == hazard.object }
            #expect(!mine.isEmpty)
            #expect(mine.allSatisfy { $0.severity == hazard.severity }, "\(mine)")
            for one in mine { try await run(one.cure, in: database) }
            let left = try await examine(database)
            #expect(!left.contains { $0.check == hazard.check && $0.object == hazard.object }, "\(left)")
        }
    }

    @Test("says of a superuser that row-level security does not bind it") func superuser() async throws {
        try await TestDatabase.with { database async throws in
            #expect(try await examine(database, role: "postgres").contains { $0.check == "role" && $0.severity == .error })
        }
    }

    @Test("reads the database's clock") func clock() async throws {
        try await TestDatabase.with { database async throws in
            let time = try await database.withPool(role: "sallyport_auth") { try await DoctorStore(database: $0).clock() }
            #expect(abs(time - Date().timeIntervalSince1970) < 5)
        }
    }
}

@Suite("auth-server doctor, keys and clocks") struct DoctorValueTests {
    private static let now: Int64 = 1_800_000_000

    private static func masterKey(_ byte: UInt8) throws -> SealingKey { try SealingKey([UInt8](repeating: byte, count: 32)) }

    private static func vault(_ byte: UInt8 = 1) throws -> KeyVault { KeyVault(masterKey: try masterKey(byte)) }

    private func tenant(rotatingAfter days: Int? = nil) throws -> Tenant {
        var tenant = Tenant(id: TenantID(UUID()), slug: try TenantSlug("acme"), name: "Acme", isDisabled: false, signingAlgorithm: .es256)
        tenant.settings.keyRotationDays = days
        return tenant
    }

    private func key(_ state: SigningKeyState, of tenant: Tenant, days: Int64 = 0, master: UInt8 = 1) throws -> SealedSigningKey {
        let then = Date(timeIntervalSince1970: Double(Self.now - days * 86_400))
        return try Self.vault(master).generate(.es256, state: state, tenant: tenant.id, now: then)
    }

    @Test("finds nothing where a tenant has an active and a next key that open") func healthy() throws {
        let tenant = try tenant(rotatingAfter: 30)
        let keys = [try key(.active, of: tenant, days: 30), try key(.next, of: tenant)]
        #expect(try KeyExamination(tenant: tenant, keys: keys, now: Self.now).hazards(vault: Self.vault()).isEmpty)
    }

    @Test("tells what a tenant's keys lack") func keys() throws {
        let tenant = try tenant()
        let (active, next) = (try key(.active, of: tenant), try key(.next, of: tenant))
        let first = try Self.vault()
        func problems(_ keys: [SealedSigningKey], _ tenant: Tenant, _ given: KeyVault?? = nil) -> [String] {
            let vault = given ?? first
            return KeyExamination(tenant: tenant, keys: keys, now: Self.now).hazards(vault: vault).map {
                "\($0.severity) \($0.problem.prefix(24))"
            }
        }
        #expect(problems([next], tenant) == ["error has no active key"])
        #expect(problems([active], tenant) == ["warning has no next key: a rotat"])
        #expect(problems([try key(.active, of: tenant, days: 366), next], tenant) == ["warning signs with a key of 366 "])
        #expect(problems([try key(.active, of: tenant, days: 365), next], tenant).isEmpty)
        let rotating = try self.tenant(rotatingAfter: 30)
        let its = try key(.next, of: rotating)
        #expect(problems([try key(.active, of: rotating, days: 32), its], rotating) == ["warning signs with a key of 32 d"])
        #expect(problems([try key(.active, of: rotating, days: 31), its], rotating).isEmpty)
        // Of another tenant, of another master key, and of the one before.
        let foreign = try key(.active, of: rotating)
        #expect(problems([foreign, next], tenant).count == 1)
        let sealedBefore = try key(.active, of: tenant, master: 2)
        #expect(problems([sealedBefore, next], tenant).first?.hasPrefix("error has the key") == true)
        let both = KeyVault(masterKey: try Self.masterKey(1).opening(Self.masterKey(2)))
        #expect(problems([sealedBefore, next], tenant, both).first?.hasPrefix("warning has the key") == true)
        #expect(problems([active, next], tenant, .some(nil)).isEmpty)
    }

    @Test(
        "allows two seconds between clocks, and what the way there takes",
        arguments: [
            (0.0, 0.0, nil), (2.0, 0.0, nil), (-2.0, 0.0, nil), (2.5, 0.0, Hazard.Severity.warning), (-2.5, 0.0, .warning), (4.0, 2.5, nil),
            (31, 0, .error), (-31, 0, .error), (31, 5, .warning),
        ] as [(Double, Double, Hazard.Severity?)])
    func clocks(skew: Double, uncertainty: Double, severity: Hazard.Severity?) {
        #expect(ClockExamination.hazards("a clock", skew: skew, uncertainty: uncertainty).first?.severity == severity)
    }

    @Test(
        "warns below a tenth of a file system",
        arguments: [
            (100, 1000, nil), (99, 1000, Hazard.Severity.warning), (30, 1000, .warning), (29, 1000, .error), (0, 1000, .error), (0, 0, nil),
        ]
            as [(UInt64, UInt64, Hazard.Severity?)])
    func disks(free: UInt64, all: UInt64, severity: Hazard.Severity?) {
        #expect(DiskExamination.hazards("/", "space", free: free, of: all).first?.severity == severity)
    }

    @Test("says that a directory is not there") func disk() {
        #expect(DiskExamination.hazards(["/nowhere"]).map(\.object) == ["/nowhere"])
    }

    @Test(
        "warns three weeks before a certificate ends",
        arguments: [(22, nil), (20, Hazard.Severity.warning), (3, .warning), (2, .error), (-1, .error)] as [(Int64, Hazard.Severity?)])
    func certificates(days: Int64, severity: Hazard.Severity?) {
        let examination = CertificateExamination(host: "id.example", port: 443)
        #expect(examination.hazards(end: Self.now + days * 86_400 + 60, now: Self.now).first?.severity == severity)
    }

    @Test(
        "knows gateways that are anybody",
        arguments: [
            ("127.0.0.1", nil), ("10.0.0.0/8, ::1", nil), ("", Hazard.Severity.warning), ("0.0.0.0/0", .error), ("127.0.0.1, ::/0", .error),
            ("192.0.0.0/2", .error),
        ] as [(String, Hazard.Severity?)])
    func proxies(list: String, severity: Hazard.Severity?) throws {
        let proxies = try TrustedProxies(list, variable: "X")
        #expect(DoctorVisit.proxyHazards(proxies, isSet: !list.isEmpty).first?.severity == severity)
    }
}

@Suite("auth-server doctor, the gateway") struct DoctorGatewayTests {
    private static let base = "https://id.example"
    private static let redirect = "https://id.example/t/acme/oauth2/authorize?client_id=a"

    /// A gateway that does everything right, but for what `change` answers.
    private func hazards(
        _ change: @Sendable @escaping (_ url: String, _ headers: [String: String]) throws -> GatewayAnswer? = { _, _ in nil }
    ) async throws
        -> [Hazard]
    {
        let examination = GatewayExamination(baseURL: Self.base, baseHost: "id.example", apiURL: Self.base + "/api/v1") { url, headers in
            let headers = Dictionary(headers) { first, _ in first }
            if let changed = try change(url, headers) { return changed }
            return Self.right(url, headers)
        }
        let subject = GatewayExamination.Subject(
            tenant: try TenantSlug("acme"), issuer: Self.base + "/t/acme", keyIDs: ["a", "b"], redirect: Self.redirect)
        return await examination.hazards([subject])
    }

    private static func answer(_ status: Int, _ body: String = "{}", _ headers: [(String, String)] = []) -> GatewayAnswer {
        GatewayAnswer(status: status, headers: HTTPHeaders([("Strict-Transport-Security", "max-age=1")] + headers), body: Array(body.utf8))
    }

    private static func right(_ url: String, _ headers: [String: String]) -> GatewayAnswer {
        if url == "http://id.example/" { return answer(308) }
        if url.contains("/metrics") || url.contains("/livez") || url.contains("/readyz") { return answer(404) }
        if url.contains("/userinfo") { return answer(401) }
        if url.contains("/jwks") { return answer(200, #"{"keys":[{"kid":"b"},{"kid":"a"}]}"#) }
        if url.contains("/authorize") { return answer(303, "", [("Location", "https://client.example/?" + url)]) }
        if url.contains("oauth-protected-resource") { return answer(200, #"{"resource":"https://id.example/api/v1"}"#) }
        let isTenants = url.contains("/t/acme") || headers["X-Tenant-ID"] == "acme"
        return answer(200, #"{"issuer":"https://id.example\#(isTenants ? "/t/acme" : "")"}"#)
    }

    @Test("finds nothing where all is right") func healthy() async throws {
        #expect(try await hazards().isEmpty)
    }

    @Test("asks for every form of every document") func forms() async throws {
        let asked = Mutex<Set<String>>([])
        _ = try await hazards { url, _ in
            asked.withLock { _ = $0.insert(String(url.prefix { $0 != "?" })) }
            return nil
        }
        let expected = [
            "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/t/acme",
            "/.well-known/openid-configuration/t/acme", "/t/acme/.well-known/oauth-authorization-server",
            "/t/acme/.well-known/openid-configuration",
            "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/api/v1",
            "/.well-known/oauth-protected-resource/t/acme/api/v1",
            "/t/acme/oauth2/jwks",
        ].map { Self.base + $0 }
        #expect(asked.withLock { $0 }.isSuperset(of: expected))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let check: String
        var severity = Hazard.Severity.error
        let change: @Sendable (_ url: String, _ headers: [String: String]) throws -> GatewayAnswer?
    }

    struct Silence: Error {}

    static let cases: [Case] = [
        Case(testDescription: "nothing answers", check: "gateway") { _, _ in throw Silence() },
        Case(testDescription: "one form is missing", check: "discovery") { url, _ in
            url.contains("openid-configuration/t/acme") ? answer(404) : nil
        },
        Case(testDescription: "one form is not JSON", check: "discovery") { url, _ in
            url.contains("openid-configuration/t/acme") ? answer(200, "<html>") : nil
        },
        Case(testDescription: "another issuer by one character", check: "issuer") { url, _ in
            url.contains("/t/acme/.well-known/openid") ? answer(200, #"{"issuer":"https://id.example/t/acme/"}"#) : nil
        },
        Case(testDescription: "another base", check: "issuer") { url, headers in
            url.hasPrefix("https://id.example/.well-known/openid-configuration?") && headers["X-Tenant-ID"] == nil
                ? answer(200, #"{"issuer":"http://id.example"}"#) : nil
        },
        Case(testDescription: "another resource", check: "issuer") { url, _ in
            url.contains("oauth-protected-resource") ? answer(200, #"{"resource":"https://id.example/api"}"#) : nil
        },
        Case(testDescription: "the header names no tenant", check: "issuer") { url, headers in
            headers["X-Tenant-ID"] == nil ? nil : answer(200, #"{"issuer":"https://id.example"}"#)
        },
        Case(testDescription: "a key too few", check: "key") { url, _ in
            url.contains("/jwks") ? answer(200, #"{"keys":[{"kid":"a"}]}"#) : nil
        },
        Case(testDescription: "long tokens do not pass", check: "header-size") { url, _ in url.contains("/userinfo") ? answer(431) : nil },
        Case(testDescription: "long redirects do not pass", check: "header-size") { url, _ in url.contains("/authorize") ? answer(502) : nil
        },
        Case(testDescription: "long redirects are cut", check: "header-size") { url, _ in
            url.contains("/authorize") ? answer(303, "", [("Location", "https://client.example/?state=%26")]) : nil
        },
        Case(testDescription: "forwarded headers are believed", check: "forwarded-header") { url, headers in
            headers["X-Forwarded-Host"] == nil ? nil : answer(200, #"{"issuer":"https://id.example/t/acme"}"#)
        },
        Case(testDescription: "metrics are public", check: "inside") { url, _ in url.hasSuffix("/metrics") ? answer(200, "x 1") : nil },
        Case(testDescription: "plain HTTP answers", check: "transport") { url, _ in url == "http://id.example/" ? answer(200) : nil },
        Case(testDescription: "no HSTS", check: "transport", severity: .warning) { url, _ in
            url.contains("/userinfo") ? GatewayAnswer(status: 401, headers: [:], body: []) : nil
        },
    ]

    @Test("sees what a gateway does wrong, and that alone", arguments: cases) func wrong(_ one: Case) async throws {
        let found = try await hazards(one.change)
        #expect(!found.isEmpty)
        #expect(found.allSatisfy { $0.check == one.check && $0.severity == one.severity }, "\(found)")
        #expect(found.allSatisfy { !$0.cure.isEmpty })
    }

    @Test("what plain HTTP does not answer is fine") func closed() async throws {
        let found = try await hazards { url, _ in
            if url.hasPrefix("http:") { throw Silence() }
            return nil
        }
        #expect(found.isEmpty)
    }
}
