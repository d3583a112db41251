import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import JSON
import Logging
import OAuth
import Passwords
import Postgres
import ServiceKit
import ServiceLifecycle
import Synchronization
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

/// A server on a database of its own with two tenants, `acme` and `globex`, each with a client `{slug}-service`.
struct AuthServerHarness: Sendable {
    static let baseURL = "https://id.example"
    static let audience = "https://api.example/v1"

    let client: any TestClientProtocol
    let responder: ShortcutResponder
    let administration: Administration
    let acme: Tenant
    let globex: Tenant
    /// Secrets by client_id.
    let secrets: [String: String]
    /// Seconds that the server's clock is ahead.
    let advance: SharedNumber

    static func with(
        _ environment: [String: String] = [:], _ body: @Sendable @escaping (AuthServerHarness) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let standard = [
                "SALLYPORT_BASE_URL": baseURL, "SALLYPORT_API_URL": audience,
                "SALLYPORT_AUTH_DATABASE_URL": database.connectionString(role: "sallyport_auth"),
                "SALLYPORT_DATABASE_POOL_SIZE": "3",
                "SALLYPORT_PASSWORD_HASH_MEMORY_KIB": "64", "SALLYPORT_PASSWORD_HASH_PASSES": "1",
                "SALLYPORT_MASTER_KEY": String(repeating: "0f", count: 32),
            ]
            let settings = try await Settings(environment: standard.merging(environment) { _, given in given })
            let advance = SharedNumber()
            let clock = WallClock { WallClock.system.now + advance.value }
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let application = try AuthServerApplication(AuthServerSettings(settings), logger: logger, clock: clock)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for service in application.background {
                    group.addTask { try await service.run() }
                }
                try await database.withPool(role: "sallyport_auth") { pool in
                    let administration = Administration(settings: settings, database: pool)
                    let acme = try await tenant("acme", administration)
                    let globex = try await tenant("globex", administration)
                    var secrets: [String: String] = [:]
                    for tenant in [acme, globex] {
                        let id = "\(tenant.slug)-service"
                        secrets[id] = try await service(id, in: tenant, administration)
                    }
                    let found = secrets
                    try await Application(responder: application.responder).test(.router) { client in
                        let server = AuthServerHarness(
                            client: client, responder: application.responder, administration: administration, acme: acme, globex: globex,
                            secrets: found, advance: advance
                        )
                        // As the gateway does: a server that does not know yet what was revoked answers 503.
                        try await server.eventually("the server is ready") { try await server.get("/readyz").status == .ok }
                        try await body(server)
                    }
                }
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError), !(error is PostgresError) { throw error }
                }
            }
        }
    }

    private static func tenant(_ slug: String, _ administration: Administration) async throws -> Tenant {
        let tenant = Tenant(id: TenantID(UUID()), slug: try TenantSlug(slug), name: slug, isDisabled: false, signingAlgorithm: .es256)
        try await TenantCreation(administration).create(tenant)
        return tenant
    }

    static func service(
        _ id: String, in tenant: Tenant, _ administration: Administration, change: (inout Client) throws -> Void = { _ in }
    ) async throws -> String {
        var client = Client.unconfigured(try #require(ClientID(id)), in: tenant.id)
        client.grantTypes = [.clientCredentials]
        client.scopes = try ScopeSet(parsing: "customers:read customers:write orders:*")
        try change(&client)
        return try await administration.clientAdministration.create(client, by: .operator)?.rawValue ?? ""
    }

    /// Somebody in a tenant, with a password if one is given.
    func member(
        _ email: String, role: String = "user", of tenant: Tenant, password: String? = nil, change: (inout Account) -> Void = { _ in }
    ) async throws -> Account {
        let hash: String? = if let password { try await Self.hasher.hash(password).text } else { nil }
        var account = Account.new(
            email: email, isEmailVerified: true, name: nil, passwordHash: hash, managedBy: tenant.id, now: 1_700_000_000)
        change(&account)
        try await administration.accounts.insert(account, memberOf: (tenant.id, role), audit: nil)
        return account
    }

    /// Makes somebody a member of another tenant too, as one whose account no tenant manages: nothing of it changes.
    func join(_ account: Account, _ tenant: Tenant, role: String = "user") async throws {
        _ = try await database.with(.account(account.id)).query(
            "UPDATE auth.account SET managing_tenant_id = NULL WHERE id = \(account.id.rawValue)")
        try await administration.members.join(account.id, role: role, in: tenant.id, by: .operator)
    }

    /// The server's clock.
    var clock: WallClock {
        let advance = advance
        return WallClock { WallClock.system.now + advance.value }
    }

    var database: Postgres { administration.database }

    /// As cheap as can be: what is tested is not the cost.
    static let hasher = PasswordHasher(parameters: cheapParameters, threads: 2)

    private static var cheapParameters: PasswordParameters { (try? PasswordParameters(memoryKiB: 64, passes: 1)) ?? .recommended }

    /// The tenant's log, the newest first: action and target.
    func audited(_ tenant: Tenant) async throws -> [(action: String, target: String)] {
        try await database.withTenant(tenant.id.rawValue).queryAll(
            "SELECT action, target_id FROM auth.audit_event WHERE tenant_id = \(tenant.id.rawValue) ORDER BY number DESC",
            as: String.self, String.self
        ).map { (action: $0.0, target: $0.1) }
    }

    /// The tenant's revocation log: kind and target.
    func revoked(_ tenant: Tenant) async throws -> [String] {
        try await database.queryAll(
            "SELECT kind || ' ' || target FROM auth.revocation WHERE tenant_id = \(tenant.id.rawValue) ORDER BY position"
        ) { try $0.decode(String.self) }
    }

    // MARK: Requests

    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let json: JSONObject

        var error: String? { json["error"]?.stringValue }
    }

    func get(_ path: String, headers: HTTPFields = [:]) async throws -> Answer {
        try await execute(path, .get, headers, nil)
    }

    func post(_ path: String, _ body: String, headers: HTTPFields = [:]) async throws -> Answer {
        var headers = headers
        if headers[.contentType] == nil { headers[.contentType] = "application/x-www-form-urlencoded" }
        return try await execute(path, .post, headers, body)
    }

    func execute(_ path: String, _ method: HTTPRequest.Method, _ headers: HTTPFields, _ body: String?) async throws -> Answer {
        try await client.execute(uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }) { response in
            let object = try? JSONValue(parsing: Array(response.body.readableBytesView)).objectValue
            return Answer(status: response.status, headers: response.headers, json: object ?? JSONObject())
        }
    }

    func basic(_ id: String, secret: String? = nil) -> HTTPFields {
        let text = "\(id):\(secret ?? secrets[id] ?? "")"
        return [.authorization: "Basic " + Data(text.utf8).base64EncodedString()]
    }

    /// An access token of `{slug}-service`.
    func token(_ tenant: Tenant, scope: String = "customers:read") async throws -> String {
        let answer = try await post(
            "/t/\(tenant.slug)/oauth2/token", "grant_type=client_credentials&scope=\(scope)", headers: basic("\(tenant.slug)-service")
        )
        return try #require(answer.json["access_token"]?.stringValue)
    }

    func keySet(_ tenant: Tenant) async throws -> JWKSet {
        try JWKSet(json: await get("/t/\(tenant.slug)/oauth2/jwks").json)
    }

    /// Waits until the server has heard of a change made behind its back.
    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now.advanced(by: .seconds(10))
        while try await !condition() {
            guard ContinuousClock.now < deadline else {
                Issue.record("not within 10 seconds: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// A number that the test and the server's clock share.
final class SharedNumber: Sendable {
    private let mutex = Mutex<Int64>(0)

    var value: Int64 {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }
}
