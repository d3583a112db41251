import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import JSON
import Logging
import OAuth
import Postgres
import ServiceKit
import ServiceLifecycle
import Synchronization
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

/// An authorization server that exists in memory: one key for each tenant, and a count of how often it was asked.
final class Issuer: KeySetSource {
    struct Unreachable: Error {}

    private struct State {
        var keys: [TenantSlug: (signer: JWSSigner, set: TenantKeys)] = [:]
        var fetches = 0
        var isReachable = true
    }

    private let state = Mutex(State())

    var fetches: Int { state.withLock { $0.fetches } }

    func setReachable(_ isReachable: Bool) {
        state.withLock { $0.isReachable = isReachable }
    }

    /// Replaces the tenant's key.
    func newKey(for tenant: TenantSlug, algorithm: JWSAlgorithm = .es256, type: String = "at+jwt") throws {
        let key = try PrivateKey.generate(algorithm == .rs256 ? .rsa(bits: 2048) : .p256)
        let jwk = try JWK(key.publicKey, algorithm: algorithm)
        let signer = try JWSSigner(key: key, algorithm: algorithm, keyID: jwk.keyID, type: type)
        let id = tenant.rawValue == "acme" ? TestDatabase.acme : TestDatabase.globex
        let keys = TenantKeys(tenantID: TenantID(id), keys: JWSVerificationKeys([try JWSVerificationKey(jwk)]))
        state.withLock { $0.keys[tenant] = (signer, keys) }
    }

    /// From here on there is no such tenant.
    func remove(_ tenant: TenantSlug) {
        state.withLock { $0.keys[tenant] = nil }
    }

    func sign(_ payload: [UInt8], as tenant: TenantSlug) throws -> String {
        let signer = state.withLock { $0.keys[tenant]?.signer }
        return try #require(signer).sign(payload: payload)
    }

    func fetch(_ tenant: TenantSlug) async throws -> TenantKeys? {
        try state.withLock { state in
            state.fetches += 1
            guard state.isReachable else { throw Unreachable() }
            return state.keys[tenant]?.set
        }
    }
}

/// The API on a database of its own, with the demo's rows in two tenants.
struct ResourceAPIHarness: Sendable {
    static let baseURL = "https://id.example"
    static let audience = "https://api.example/api/v1"

    let client: any TestClientProtocol
    let database: TestDatabase
    let issuer: Issuer
    let acme: TenantSlug
    let globex: TenantSlug

    /// - Parameter prepare: called before the API starts.
    static func with(
        environment: [String: String] = [:], prepare: @Sendable (TestDatabase) async throws -> Void = { _ in },
        _ body: @Sendable @escaping (ResourceAPIHarness) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await prepare(database)
            let own = [
                "SALLYPORT_BASE_URL": baseURL, "SALLYPORT_API_URL": audience, "SALLYPORT_DATABASE_POOL_SIZE": "3",
                "SALLYPORT_API_DATABASE_URL": database.connectionString(role: "sallyport_api"),
            ]
            let settings = try await Settings(environment: own.merging(environment) { $1 })
            let issuer = Issuer()
            let (acme, globex) = (try TenantSlug("acme"), try TenantSlug("globex"))
            for tenant in [acme, globex] { try issuer.newKey(for: tenant) }
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let application = try ResourceAPIApplication(ResourceAPISettings(settings), logger: logger, keySource: issuer)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for service in application.background {
                    group.addTask { try await service.run() }
                }
                try await Application(responder: application.responder).test(.router) { client in
                    let harness = ResourceAPIHarness(client: client, database: database, issuer: issuer, acme: acme, globex: globex)
                    try await harness.eventually("ready") { try await harness.isReady }
                    try await body(harness)
                }
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error) = result, !(error is CancellationError), !(error is PostgresError) { throw error }
                }
            }
        }
    }

    // MARK: Waiting

    struct Timeout: Error {
        let what: String
    }

    /// Waits until a condition holds, at most ten seconds.
    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw Timeout(what: what) }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    var isReady: Bool {
        get async throws { try await client.execute(uri: "/readyz", method: .get) { $0.status == .ok } }
    }

    // MARK: Tokens

    func claims(_ tenant: TenantSlug, scope: String = "*:*", lifetime: Int64 = 600) throws -> AccessTokenClaims {
        let now = WallClock.system.now
        return AccessTokenClaims(
            issuer: "\(Self.baseURL)/t/\(tenant)", subject: "service", audience: Self.audience, issuedAt: now - 60,
            expiresAt: now + lifetime, tokenID: UUID().uuidString, clientID: try #require(ClientID("service")),
            scopes: try ScopeSet(parsing: scope), tenant: tenant,
            tenantID: TenantID(tenant == acme ? TestDatabase.acme : TestDatabase.globex), roles: []
        )
    }

    func token(_ tenant: TenantSlug, scope: String = "*:*") throws -> String {
        try issuer.sign(AccessTokenCodec.payload(claims(tenant, scope: scope)), as: tenant)
    }

    // MARK: Requests

    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let json: JSONValue
        /// The body as text.
        let body: String

        var code: String? { json.objectValue?["code"]?.stringValue }
        var rows: [JSONObject] { json.arrayValue?.compactMap(\.objectValue) ?? [] }
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, token: String?, body: String? = nil, headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        return try await client.execute(
            uri: "/api/v1/\(path)", method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
        ) { response in
            let body = Array(response.body.readableBytesView)
            let json = try? JSONValue(parsing: body)
            return Answer(
                status: response.status, headers: response.headers, json: json ?? .null, body: String(decoding: body, as: UTF8.self))
        }
    }

    /// An answer that need not be JSON.
    func text(
        _ method: HTTPRequest.Method, _ path: String, token: String, headers: HTTPFields = [:]
    ) async throws -> (status: HTTPResponse.Status, headers: HTTPFields, body: String) {
        var headers = headers
        headers[.authorization] = "Bearer \(token)"
        return try await client.execute(uri: "/api/v1/\(path)", method: method, headers: headers) { response in
            (response.status, response.headers, String(buffer: response.body))
        }
    }
}
