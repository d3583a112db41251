import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import OAuth
import Passwords
import Postgres
import ServiceKit
import Synchronization
import Tenancy
import Testing

@testable import AuthServer

/// As much of a browser as the pages need: keeps cookies, reads forms, sends them with what a person typed. Follows no redirect by itself.
final class TestBrowser: Sendable {
    let server: AuthServerHarness
    private let jar = Mutex<[String: String]>([:])

    init(_ server: AuthServerHarness) {
        self.server = server
    }

    /// Cookies by name.
    var cookies: [String: String] {
        get { jar.withLock { $0 } }
        set { jar.withLock { $0 = newValue } }
    }

    struct Page: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let body: String

        var location: String? { headers[.location] }

        /// The parameters of the redirect.
        var answer: [String: String] {
            guard let location, let mark = location.firstIndex(of: "?") else { return [:] }
            return TestBrowser.parameters(location[location.index(after: mark)...])
        }

        var title: String { between("<title>", "</title>") ?? "" }
        var formAction: String? { between("action=\"", "\"").map(TestBrowser.unescaped) }

        func between(_ start: String, _ end: String) -> String? {
            guard let from = body.firstRange(of: start), let to = body[from.upperBound...].firstRange(of: end) else { return nil }
            return String(body[from.upperBound..<to.lowerBound])
        }

        /// The hidden fields of the page's form.
        var hiddenFields: [String: String] {
            var fields: [String: String] = [:]
            var rest = body[...]
            while let start = rest.firstRange(of: "<input type=\"hidden\" name=\"") {
                rest = rest[start.upperBound...]
                guard let nameEnd = rest.firstRange(of: "\" value=\"") else { break }
                let name = String(rest[..<nameEnd.lowerBound])
                rest = rest[nameEnd.upperBound...]
                guard let valueEnd = rest.firstIndex(of: "\"") else { break }
                fields[name] = TestBrowser.unescaped(String(rest[..<valueEnd]))
            }
            return fields
        }
    }

    func get(_ path: String, headers: HTTPFields = [:]) async throws -> Page {
        try await send(path, .get, headers, nil)
    }

    func post(_ path: String, _ fields: [String: String], headers: HTTPFields = [:]) async throws -> Page {
        var headers = headers
        if headers[.contentType] == nil { headers[.contentType] = "application/x-www-form-urlencoded" }
        return try await send(path, .post, headers, Self.form(fields))
    }

    /// Sends the page's form, its hidden fields as they are unless overridden.
    func submit(_ page: Page, _ fields: [String: String], headers: HTTPFields = [:]) async throws -> Page {
        let action = try #require(page.formAction, "the page has no form: \(page.status) \(page.title)")
        return try await post(action, page.hiddenFields.merging(fields) { $1 }, headers: headers)
    }

    func send(_ path: String, _ method: HTTPRequest.Method, _ extra: HTTPFields, _ body: String?) async throws -> Page {
        var headers = extra
        if headers[.accept] == nil { headers[.accept] = "text/html,application/xhtml+xml,*/*;q=0.8" }
        let kept = cookies
        if !kept.isEmpty { headers[.cookie] = kept.map { "\($0.key)=\($0.value)" }.joined(separator: "; ") }
        let page = try await server.client.execute(uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }) {
            Page(status: $0.status, headers: $0.headers, body: String(buffer: $0.body))
        }
        for cookie in page.headers[values: .setCookie] { keep(cookie) }
        return page
    }

    private func keep(_ cookie: String) {
        let attributes = cookie.split(separator: ";").map { $0.drop { $0 == " " } }
        guard let pair = attributes.first, let equals = pair.firstIndex(of: "=") else { return }
        let (name, value) = (String(pair[..<equals]), String(pair[pair.index(after: equals)...]))
        #expect(name.hasPrefix("__Host-"))
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            #expect(attributes.contains { $0 == attribute }, "\(name) has no \(attribute)")
        }
        jar.withLock { $0[name] = attributes.contains("Max-Age=0") ? nil : value }
    }

    // MARK: Text

    static func form(_ fields: [String: String]) -> String {
        fields.sorted { $0.key < $1.key }.map { PercentCoding.encode($0.key) + "=" + PercentCoding.encode($0.value) }.joined(separator: "&")
    }

    static func parameters(_ text: Substring) -> [String: String] {
        var parameters: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? PercentCoding.decode(Array(parts[1].utf8), plusIsSpace: true) : ""
            parameters[String(parts[0])] = value
        }
        return parameters
    }

    private static func unescaped(_ text: String) -> String {
        var text = text
        for (entity, character) in [
            ("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&#10;", "\n"), ("&#13;", "\r"), ("&amp;", "&"),
        ] {
            text = text.replacing(entity, with: character)
        }
        return text
    }
}

/// What people and apps need, added to both tenants.
struct AuthorizationWorld: Sendable {
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    static let password = "correct horse battery staple"
    static let callback = "https://app.example/callback"

    let server: AuthServerHarness
    let secret: String

    /// `ada@acme.example` and `gus@globex.example` are users; `both@example.com` is in both tenants.
    static func with(_ body: @Sendable @escaping (AuthorizationWorld) async throws -> Void) async throws {
        try await AuthServerHarness.with { server in
            var secret = ""
            for tenant in [server.acme, server.globex] {
                let made = try await client("\(tenant.slug)-web", in: tenant, server)
                if tenant.slug == server.acme.slug { secret = made }
                _ = try await client("\(tenant.slug)-trusted", in: tenant, server) { $0.isFirstParty = true }
                _ = try await client("\(tenant.slug)-native", in: tenant, server) {
                    $0.authenticationMethod = .none
                    $0.redirectURIs = [try RedirectURI("http://127.0.0.1/cb"), try RedirectURI("com.example.app:/cb")]
                }
            }
            let hash = try await PasswordHasher(parameters: PasswordParameters(memoryKiB: 8192, passes: 1)).hash(password).text
            try await person("ada@acme.example", hash, in: [server.acme], server)
            try await person("gus@globex.example", hash, in: [server.globex], server)
            try await person("both@example.com", hash, in: [server.acme, server.globex], server)
            try await body(AuthorizationWorld(server: server, secret: secret))
        }
    }

    static func client(
        _ id: String, in tenant: Tenant, _ server: AuthServerHarness, change: @escaping (inout Client) throws -> Void = { _ in }
    ) async throws -> String {
        try await AuthServerHarness.service(id, in: tenant, server.administration) { client in
            client.name = "Client \(id)"
            client.grantTypes = [.authorizationCode, .refreshToken]
            client.redirectURIs = [try RedirectURI(callback)]
            client.postLogoutRedirectURIs = [try RedirectURI("https://app.example/bye")]
            client.scopes = try ScopeSet(parsing: "openid profile email offline_access customers:read customers:write orders:*")
            try change(&client)
        }
    }

    static func person(
        _ email: String, _ hash: String, in tenants: [Tenant], _ server: AuthServerHarness, role: String = "user", mustChange: Bool = false
    ) async throws {
        let id = AccountID(UUID())
        for (index, tenant) in tenants.enumerated() {
            var statements: [SQL] = []
            if index == 0 {
                statements.append(
                    """
                    INSERT INTO auth.account (id, email, password_hash, must_change_password)
                    VALUES (\(id.rawValue), \(email), \(hash), \(mustChange))
                    """)
            }
            statements.append(
                """
                INSERT INTO auth.membership (tenant_id, account_id, role_name) VALUES (\(tenant.id.rawValue), \(id.rawValue), \(role))
                """)
            _ = try await server.administration.database.batch(statements, settings: .account(id, in: tenant.id))
        }
    }

    // MARK: Requests

    static func request(_ client: String = "acme-web", _ changes: [String: String?] = [:]) -> [String: String] {
        var fields: [String: String] = [
            "response_type": "code", "client_id": client, "redirect_uri": callback, "scope": "openid customers:read",
            "state": "a state & more=é", "nonce": "n-0S6_WzA2Mj", "code_challenge": challenge, "code_challenge_method": "S256",
        ]
        for (name, value) in changes { fields[name] = value }
        return fields
    }

    static func path(_ fields: [String: String], tenant: String = "acme") -> String {
        "/t/\(tenant)/oauth2/authorize?" + TestBrowser.form(fields)
    }

    func authorize(_ browser: TestBrowser, _ client: String = "acme-web", _ changes: [String: String?] = [:]) async throws
        -> TestBrowser.Page
    {
        try await browser.get(Self.path(Self.request(client, changes), tenant: String(client.prefix { $0 != "-" })))
    }

    func typeIn(
        _ browser: TestBrowser, _ page: TestBrowser.Page, _ email: String = "ada@acme.example", password: String = password
    ) async throws -> TestBrowser.Page {
        try await browser.submit(page, ["username": email, "password": password, "action": "sign_in"])
    }

    /// Signs in and says yes where asked.
    func code(_ browser: TestBrowser, _ client: String = "acme-web", email: String = "ada@acme.example", _ changes: [String: String?] = [:])
        async throws -> TestBrowser.Page
    {
        var page = try await authorize(browser, client, changes)
        if page.formAction?.hasSuffix("/interaction/sign-in") ?? false { page = try await typeIn(browser, page, email) }
        if page.formAction?.hasSuffix("/interaction/consent") ?? false { page = try await browser.submit(page, ["action": "allow"]) }
        return page
    }

    func redeem(_ code: String, _ changes: [String: String?] = [:]) async throws -> AuthServerHarness.Answer {
        var fields: [String: String] = [
            "grant_type": "authorization_code", "code": code, "redirect_uri": Self.callback, "code_verifier": Self.verifier,
        ]
        for (name, value) in changes { fields[name] = value }
        return try await server.post("/t/acme/oauth2/token", TestBrowser.form(fields), headers: server.basic("acme-web", secret: secret))
    }

    func count(_ sql: SQL, _ tenant: Tenant) async throws -> Int64 {
        try await server.administration.database.withTenant(tenant.id.rawValue).queryOne(sql) { try $0.decode(Int64.self) }
    }
}
