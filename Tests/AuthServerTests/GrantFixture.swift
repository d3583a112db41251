import FoundationEssentials
import HTTPTypes
import JOSE
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import Testing

@testable import AuthServer

/// A member of acme, a client of acme and one of globex, and codes issued as the authorization endpoint would.
struct GrantFixture: Sendable {
    static let redirectURI = "https://app.example/callback"
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let scopes = "customers:read customers:write offline_access"

    let server: AuthServerHarness
    let account: AccountID
    let web: ClientID
    let webSecret: String
    let otherSecret: String
    let foreignSecret: String
    let codes: AuthorizationCodes
    let store: AccessGrantStore

    static func with(_ body: @Sendable @escaping (GrantFixture) async throws -> Void) async throws {
        try await AuthServerHarness.with { server in
            let account = try await member("person@example.com", role: "user", of: server.acme, server.administration)
            let advance = server.advance
            let store = AccessGrantStore(database: server.administration.database)
            let fixture = GrantFixture(
                server: server, account: account, web: try #require(ClientID("web")),
                webSecret: try await client("web", in: server.acme, server),
                otherSecret: try await client("other", in: server.acme, server),
                foreignSecret: try await client("foreign", in: server.globex, server),
                codes: AuthorizationCodes(store: store, clock: WallClock { WallClock.system.now + advance.value }), store: store
            )
            try await body(fixture)
        }
    }

    static func client(_ id: String, in tenant: Tenant, _ server: AuthServerHarness) async throws -> String {
        try await AuthServerHarness.service(id, in: tenant, server.administration) {
            $0.grantTypes = [.authorizationCode, .refreshToken]
            $0.redirectURIs = [try RedirectURI(redirectURI)]
            $0.scopes = try ScopeSet(parsing: "customers:read customers:write customers:delete openid profile email offline_access")
        }
    }

    static func member(_ email: String, role: String, of tenant: Tenant, _ administration: Administration) async throws -> AccountID {
        let id = AccountID(UUID())
        _ = try await administration.database.batch(
            [
                """
                INSERT INTO auth.account (id, email, is_email_verified, name, managing_tenant_id)
                VALUES (\(id.rawValue), \(email), true, 'Pat Person', \(tenant.id.rawValue))
                """,
                """
                INSERT INTO auth.membership (tenant_id, account_id, role_name)
                VALUES (\(tenant.id.rawValue), \(id.rawValue), \(role))
                """,
            ],
            settings: .account(id, in: tenant.id)
        )
        return id
    }

    func code(
        scopes: String = scopes, nonce: String? = nil, lifetimeSeconds: Int = 2_592_000, claims: String? = nil, mustNameURI: Bool = true,
        subject: String? = nil
    ) async throws -> String {
        let sessionID = try await session()
        let grant = AccessGrant(
            tenantID: server.acme.id, clientID: web, accountID: account, sessionID: sessionID, type: .authorizationCode,
            scopes: try ScopeSet(parsing: scopes), subject: subject ?? account.description, authenticatedAt: codes.clock.now,
            methods: ["pwd"],
            requestedClaims: RequestedClaims(claims).within(.identity).text, now: codes.clock.now, lifetimeSeconds: lifetimeSeconds
        )
        return try await codes.issue(
            for: grant, redirectURI: Self.redirectURI, mustNameURI: mustNameURI,
            codeChallenge: CodeChallenge(s256: CodeVerifier(Self.verifier)).rawValue,
            nonce: nonce, also: []
        ).rawValue
    }

    /// A session of the person in acme, as signing in makes it.
    func session() async throws -> UUID {
        let (id, now) = (UUID(), codes.clock.now)
        let (begin, end) = (Date(timeIntervalSince1970: Double(now)), Date(timeIntervalSince1970: Double(now + 2_592_000)))
        try await server.administration.database.withTenant(server.acme.id.rawValue).execute(
            """
            INSERT INTO auth.tenant_session (tenant_id, period, id, account_id, session_id, created_at, last_seen_at, expires_at)
            VALUES (\(server.acme.id.rawValue), \(Period.long(now + 2_592_000)), \(id), \(account.rawValue), \(UUID()), \(begin), \(begin), \(end))
            """
        )
        return id
    }

    func redeem(
        _ code: String, client: String = "web", secret: String? = nil, tenant: String = "acme", redirectURI: String = redirectURI,
        verifier: String = verifier
    ) async throws -> AuthServerHarness.Answer {
        try await server.post(
            "/t/\(tenant)/oauth2/token",
            "grant_type=authorization_code&code=\(code)&redirect_uri=\(redirectURI)&code_verifier=\(verifier)",
            headers: server.basic(client, secret: secret ?? webSecret)
        )
    }

    func refresh(
        _ token: String, client: String = "web", secret: String? = nil, tenant: String = "acme", scope: String? = nil
    ) async throws -> AuthServerHarness.Answer {
        try await server.post(
            "/t/\(tenant)/oauth2/token", "grant_type=refresh_token&refresh_token=\(token)" + (scope.map { "&scope=\($0)" } ?? ""),
            headers: server.basic(client, secret: secret ?? webSecret)
        )
    }

    /// Access and refresh token of a new grant.
    func tokens(scopes: String = scopes, lifetimeSeconds: Int = 2_592_000) async throws -> (access: String, refresh: String) {
        let answer = try await redeem(code(scopes: scopes, lifetimeSeconds: lifetimeSeconds))
        return (
            try #require(answer.json["access_token"]?.stringValue), try #require(answer.json["refresh_token"]?.stringValue)
        )
    }

    func introspect(_ token: String, client: String = "web", secret: String? = nil, tenant: String = "acme") async throws -> JSONObject {
        let answer = try await server.post(
            "/t/\(tenant)/oauth2/introspect", "token=\(token)", headers: server.basic(client, secret: secret ?? webSecret)
        )
        #expect(answer.status == .ok)
        return answer.json
    }

    func isActive(_ token: String) async throws -> Bool {
        try await introspect(token)["active"]?.boolValue ?? false
    }

    func auditActions() async throws -> [String] {
        try await server.administration.database.withTenant(server.acme.id.rawValue).queryAll(
            "SELECT action FROM auth.audit_event ORDER BY number"
        ) { try $0.decode(String.self) }
    }
}

extension AuthServerHarness.Answer {
    var refreshToken: String? { json["refresh_token"]?.stringValue }
    var accessToken: String? { json["access_token"]?.stringValue }
    var scope: String? { json["scope"]?.stringValue }
}
