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
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

/// The admin API of a server with two tenants and the platform's own, as their administrators use it.
struct AdminHarness: Sendable {
    let server: AuthServerHarness
    let system: Tenant

    static func with(_ body: @Sendable @escaping (AdminHarness) async throws -> Void) async throws {
        try await AuthServerHarness.with { server in
            let system = Tenant(id: TenantID(UUID()), slug: .system, name: "Platform", isDisabled: false, signingAlgorithm: .es256)
            try await TenantCreation(server.administration).create(system)
            try await body(AdminHarness(server: server, system: system))
        }
    }

    /// A client that acts for itself with a role, and its token.
    func token(
        _ tenant: Tenant, role: String? = "owner", scope: String = "admin:*", id: String = "cli-" + UUID().uuidString.prefix(8)
    ) async throws -> String {
        let found: Role? =
            if let role { try await server.administration.clients.role(role, in: tenant.id) } else { nil }
        let secret = try await AuthServerHarness.service(id, in: tenant, server.administration) { client in
            client.scopes = try ScopeSet(parsing: scope)
            client.role = found
        }
        let answer = try await server.post(
            "/t/\(tenant.slug)/oauth2/token", "grant_type=client_credentials", headers: server.basic(id, secret: secret))
        return try #require(answer.json["access_token"]?.stringValue)
    }

    /// A member with a role, put there without the API.
    func member(_ email: String, role: String, of tenant: Tenant) async throws -> AccountID {
        let account = Account(
            id: AccountID(UUID()), email: email, isEmailVerified: true, profile: Account.Profile(), mustChangePassword: false,
            managingTenant: tenant.id, isDisabled: false, createdAt: 0, updatedAt: 0)
        try await members.create(account, role: role, in: tenant.id, by: .operator)
        return account.id
    }

    var members: Members { Members(database: server.administration.database, clock: .system) }

    /// A request to the admin API of a tenant. Every answer has the shape that the OpenAPI document says.
    func send(
        _ method: HTTPRequest.Method, _ path: String, in tenant: Tenant, token: String?, _ body: JSONValue? = nil, headers: HTTPFields = [:]
    ) async throws -> AuthServerHarness.Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if body != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        let answer = try await server.execute(
            "/t/\(tenant.slug)/admin/v1/\(path)", method, headers, body.map { String(decoding: $0.serialized(), as: UTF8.self) })
        check(answer, method, path)
        return answer
    }

    private func check(_ answer: AuthServerHarness.Answer, _ method: HTTPRequest.Method, _ path: String) {
        if answer.status.code >= 400 {
            #expect(answer.headers[.contentType] == "application/problem+json", "\(method) \(path)")
            #expect(throws: Never.self, "\(method) \(path)") { try ProblemResponse.schema.check(.object(answer.json)) }
            #expect(answer.json["status"]?.intValue == Int64(answer.status.code))
            return
        }
        let bare = path.split(separator: "?").first.map(String.init) ?? path
        guard method != .head, answer.status != .notModified, let route = Self.routes.first(where: { $0.matches(method, bare) }) else {
            return
        }
        if let schema = route.success.schema {
            do {
                try schema.check(.object(answer.json))
            } catch {
                Issue.record("\(method) \(path): \(error)")
            }
        } else {
            #expect(answer.status == .noContent)
        }
    }

    /// The kind of a problem, the last word of its type.
    static func kind(_ answer: AuthServerHarness.Answer) -> String? {
        answer.json["type"]?.stringValue?.split(separator: ":").last.map(String.init)
    }

    /// The table, with handlers that are never called.
    static let routes: [AdminRoute] = {
        guard let database = try? Postgres(PostgresConfiguration(connectionString: ""), logger: .init(label: "test")),
            let key = try? SealingKeyForTests.make()
        else { return [] }
        let directory = TenantDirectory(store: TenantStore(database: database))
        return AdminEndpoint(
            database: database, requestTenant: RequestTenant(directory: directory, baseHost: ""), issuers: Issuers(baseURL: ""),
            clients: ClientDirectory(store: ClientStore(database: database)), vault: KeyVault(masterKey: key), clock: .system,
            verify: { _, _ in nil }, preparePassword: { _, _, _ in "" }
        ).routes
    }()
}

extension AdminRoute {
    func matches(_ method: HTTPRequest.Method, _ path: String) -> Bool {
        let (mine, theirs) = (self.path.split(separator: "/"), path.split(separator: "/"))
        return method == self.method && mine.count == theirs.count
            && zip(mine, theirs).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }

    /// The path with something in the place of each parameter.
    func filled(_ values: [String: String] = [:]) -> String {
        path.split(separator: "/").map { segment in
            segment.hasPrefix("{") ? values[String(segment.dropFirst().dropLast())] ?? UUID().uuidString.lowercased() : String(segment)
        }.joined(separator: "/")
    }
}
