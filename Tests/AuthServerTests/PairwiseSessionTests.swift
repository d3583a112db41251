import FoundationEssentials
import JOSE
import JSON
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("A session has a name of its own for each sector with pairwise subjects", .enabled(if: TestDatabase.isConfigured))
struct PairwiseSessionTests {
    /// One browser of somebody who is in both tenants, and clients of three sectors and of none.
    private struct Fixture: Sendable {
        let world: AuthorizationWorld
        let secrets: [String: String]
        let browser: TestBrowser

        struct Tokens: Sendable {
            let access: String
            let id: String
        }

        func signIn(_ client: String) async throws -> Tokens {
            let uri = try #require(PairwiseSessionTests.redirectURIs[client])
            let code = try #require(
                try await world.code(browser, client, email: "both@example.com", ["redirect_uri": uri]).answer["code"])
            let form = [
                "grant_type": "authorization_code", "code": code, "redirect_uri": uri, "code_verifier": AuthorizationWorld.verifier,
            ]
            let answer = try await world.server.post(
                "/t/\(client.prefix { $0 != "-" })/oauth2/token", TestBrowser.form(form),
                headers: world.server.basic(client, secret: secrets[client]))
            return Tokens(access: try #require(answer.accessToken), id: try #require(answer.json["id_token"]?.stringValue))
        }

        func introspect(_ token: String, _ client: String) async throws -> JSONObject {
            try await world.server.post(
                "/t/\(client.prefix { $0 != "-" })/oauth2/introspect", "token=\(token)",
                headers: world.server.basic(client, secret: secrets[client])
            ).json
        }
    }

    fileprivate static let redirectURIs = [
        "acme-one": "https://one.example/cb", "acme-two": "https://two.example/cb", "acme-sibling": "https://two.example/other",
        "globex-one": "https://one.example/cb", "acme-public": "https://one.example/cb",
    ]

    private static func with(_ body: @Sendable @escaping (Fixture) async throws -> Void) async throws {
        try await AuthorizationWorld.with { world in
            var secrets: [String: String] = [:]
            for (id, uri) in redirectURIs {
                let tenant = id.hasPrefix("acme") ? world.server.acme : world.server.globex
                secrets[id] = try await AuthorizationWorld.client(id, in: tenant, world.server) {
                    $0.isFirstParty = true
                    $0.subjectType = id == "acme-public" ? .public : .pairwise
                    $0.redirectURIs = [try RedirectURI(uri)]
                }
            }
            try await body(Fixture(world: world, secrets: secrets, browser: TestBrowser(world.server)))
        }
    }

    private static func sid(_ token: String) throws -> String {
        let parts = token.split(separator: ".")
        return try #require(try JSONValue(parsing: Base64URL.decode(String(parts[1]))).objectValue?["sid"]?.stringValue)
    }

    @Test("Sectors cannot tell that it is one session; clients of one sector can, and find it again") func names() async throws {
        try await Self.with { fixture in
            var names: [String: String] = [:]
            for client in Self.redirectURIs.keys {
                let tokens = try await fixture.signIn(client)
                let name = try Self.sid(tokens.access)
                #expect(try Self.sid(tokens.id) == name)
                #expect(try await fixture.introspect(tokens.access, client)["sid"]?.stringValue == name)
                names[client] = name
            }
            #expect(names["acme-two"] == names["acme-sibling"])
            #expect(Set(names.values).count == 4)
            #expect(try await Self.sid(fixture.signIn("acme-one").access) == names["acme-one"])
            let other = TestBrowser(fixture.world.server)
            let again = Fixture(world: fixture.world, secrets: fixture.secrets, browser: other)
            #expect(try await Self.sid(again.signIn("acme-one").access) != names["acme-one"])
        }
    }

    @Test("Ending the tenant's session kills the tokens of every sector in it, and no other tenant's") func revocation() async throws {
        try await Self.with { fixture in
            let one = try await fixture.signIn("acme-one").access
            let two = try await fixture.signIn("acme-two").access
            let open = try await fixture.signIn("acme-public").access
            let foreign = try await fixture.signIn("globex-one").access
            let server = fixture.world.server
            let session = try #require(UUID(uuidString: try Self.sid(open)))
            for (token, client) in [(one, "acme-one"), (two, "acme-two"), (open, "acme-public"), (foreign, "globex-one")] {
                #expect(try await fixture.introspect(token, client)["active"] == true)
            }
            let sessions = Sessions(database: server.database, clock: server.clock)
            #expect(try await !sessions.endTenantSession(session, in: server.globex.id, by: .operator, origin: .commandLine))
            #expect(try await sessions.endTenantSession(session, in: server.acme.id, by: .operator, origin: .commandLine))
            for (token, client) in [(one, "acme-one"), (two, "acme-two"), (open, "acme-public")] {
                try await server.eventually("\(client)'s token is dead") {
                    try await fixture.introspect(token, client)["active"] == false
                }
            }
            #expect(try await fixture.introspect(foreign, "globex-one")["active"] == true)
            let entries = Set([try Self.sid(one), try Self.sid(two), try Self.sid(open)].map { "session \($0)" })
            #expect(Set(try await server.revoked(server.acme)) == entries)
        }
    }

    @Test("An ID token of the session signs out without a question, one of another session does not") func logout() async throws {
        try await Self.with { fixture in
            let tokens = try await fixture.signIn("acme-one")
            let stranger = Fixture(world: fixture.world, secrets: fixture.secrets, browser: TestBrowser(fixture.world.server))
            let elsewhere = try await stranger.signIn("acme-one")
            let asked = try await fixture.browser.get("/t/acme/oauth2/logout?id_token_hint=\(elsewhere.id)")
            #expect(asked.formAction == "/t/acme/interaction/sign-out")
            _ = try await fixture.browser.get("/t/acme/oauth2/logout?id_token_hint=\(tokens.id)")
            #expect(fixture.browser.cookies["__Host-sallyport_session"] == nil)
        }
    }
}
