import Cryptography
import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JOSE
import JSON
import NIOCore
import OAuth
import Postgres
import Revocation
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("OpenID Connect Core", .enabled(if: TestDatabase.isConfigured)) struct OpenIDConnectTests {
    private static let scopes = "openid profile email customers:read offline_access"

    private func claims(_ token: String, type: String = "JWT", _ fixture: GrantFixture) async throws -> JWTClaims {
        let keys = JWSVerificationKeys(try await fixture.server.keySet(fixture.server.acme))
        return try JWTClaims(payload: try JWSVerifier(expectedTypes: [type]).verify(compact: token, keys: keys).payload)
    }

    @Test("An ID token says who, when, how and for which access token") func idToken() async throws {
        try await GrantFixture.with { fixture in
            let answer = try await fixture.redeem(fixture.code(scopes: Self.scopes, nonce: "n-0S6_WzA2Mj"))
            let access = try #require(answer.accessToken)
            let id = try await claims(try #require(answer.json["id_token"]?.stringValue), fixture)
            #expect(id.issuer == "\(AuthServerHarness.baseURL)/t/acme")
            #expect(id.subject == fixture.account.description)
            #expect(id.audience == ["web"] && id["azp"] == "web")
            #expect(id["nonce"] == "n-0S6_WzA2Mj")
            #expect(id["at_hash"]?.stringValue == Base64URL.encode(Array(Digest.sha256.hash(access).prefix(16))))
            #expect(id["amr"] == ["pwd"] && id["acr"] == "1")
            #expect(id["sid"]?.stringValue != nil && id["auth_time"]?.intValue != nil)
            #expect(id["email"] == "person@example.com" && id["email_verified"] == true && id["name"] == "Pat Person")

            let refreshed = try await fixture.refresh(try #require(answer.refreshToken))
            let again = try await claims(try #require(refreshed.json["id_token"]?.stringValue), fixture)
            #expect(again.subject == id.subject && again["auth_time"] == id["auth_time"] && again["nonce"] == nil, "§12.2")
        }
    }

    @Test(
        "Claims go as far as the scopes and the names that were consented to",
        arguments: [
            ("openid", nil, [] as [String]), ("openid email", nil, ["email", "email_verified"]),
            ("openid", #"{"userinfo":{"email":null}}"#, ["email"]), ("openid", #"{"id_token":{"email":null}}"#, []),
            ("openid", #"{"userinfo":{"password_hash":null,"phone_number":null}}"#, []),
        ])
    func extent(_ scopes: String, _ claims: String?, _ expected: [String]) async throws {
        try await GrantFixture.with { fixture in
            let answer = try await fixture.redeem(fixture.code(scopes: scopes, claims: claims))
            let info = try await fixture.userInfo(try #require(answer.accessToken))
            #expect(Set(info.json.members.map(\.name)) == Set(expected + ["sub"]))
        }
    }

    @Test("Names are held to the client's scopes, and imply those for consent") func requestedClaims() throws {
        let asked = RequestedClaims(#"{"id_token":{"email":{"essential":true},"sub":{"value":"x"}},"userinfo":{"name":null}}"#)
        #expect(asked.impliedScopes == ScopeSet([.email, .profile]))
        #expect(asked.within(ScopeSet([.email])).text == #"{"id_token":{"email":null}}"#)
        #expect(asked.within(.empty).text == nil)
        #expect(RequestedClaims("not json").text == nil)
    }

    @Test("UserInfo answers a token with openid by header or form, and nobody else") func userInfo() async throws {
        try await GrantFixture.with { fixture in
            let token = try #require(try await fixture.redeem(fixture.code(scopes: Self.scopes)).accessToken)
            let bearer: HTTPFields = [.authorization: "Bearer \(token)"]
            let path = "/t/acme/oauth2/userinfo"
            for answer in [
                try await fixture.server.get(path, headers: bearer), try await fixture.server.post(path, "", headers: bearer),
                try await fixture.server.post(path, "access_token=\(token)"),
            ] {
                #expect(answer.status == .ok)
                #expect(answer.json["sub"]?.stringValue == fixture.account.description)
                #expect(answer.json["email"] == "person@example.com")
                #expect(answer.headers[.cacheControl] == "no-store")
            }
            let twice = try await fixture.server.post(path, "access_token=\(token)", headers: bearer)
            #expect(twice.status == .badRequest && twice.error == "invalid_request")
            let inQuery = try await fixture.server.get("\(path)?access_token=\(token)")
            #expect(inQuery.status == .unauthorized && inQuery.headers[.wwwAuthenticate] == "Bearer")
            let foreign = try await fixture.server.get("/t/globex/oauth2/userinfo", headers: bearer)
            #expect(foreign.status == .unauthorized && foreign.error == "invalid_token")
            let service = try await fixture.server.token(fixture.server.acme)
            for poor in [service, try #require(try await fixture.redeem(fixture.code(scopes: "customers:read")).accessToken)] {
                let answer = try await fixture.userInfo(poor)
                #expect(answer.status == .forbidden && answer.error == "insufficient_scope")
            }
            try await fixture.store.write(
                Revocation.user(fixture.account).statements(in: fixture.server.acme.id, reason: "test", now: fixture.codes.clock.now),
                in: fixture.server.acme.id
            )
            try await fixture.server.eventually("the token is dead") { try await fixture.userInfo(token).status == .unauthorized }
        }
    }

    @Test("A client registered for it gets UserInfo signed") func signedUserInfo() async throws {
        try await GrantFixture.with { fixture in
            var client = try #require(try await fixture.server.administration.clients.find(fixture.web, in: fixture.server.acme.id))
            client.userInfoSignedResponseAlgorithm = "ES256"
            #expect(try await fixture.server.administration.clients.update(client))
            let token = try #require(try await fixture.redeem(fixture.code(scopes: Self.scopes)).accessToken)
            try await fixture.server.eventually("the client's setting is known") {
                try await fixture.userInfo(token).headers[.contentType] == "application/jwt"
            }
            let body = try await fixture.server.client.execute(
                uri: "/t/acme/oauth2/userinfo", method: .get, headers: [.authorization: "Bearer \(token)"]
            ) { String(buffer: $0.body) }
            let signed = try await claims(body, fixture)
            #expect(signed.audience == ["web"] && signed.issuer == "\(AuthServerHarness.baseURL)/t/acme")
            #expect(signed.subject == fixture.account.description)
        }
    }

    @Test("Pairwise clients of two sectors know a person by two names; of one sector by one") func pairwise() async throws {
        try await GrantFixture.with { fixture in
            let subjects = Subjects(
                keys: PlatformKeys(
                    store: PlatformKeyStore(database: fixture.server.administration.database), masterKey: try SealingKeyForTests.make()
                )
            )
            func client(_ id: String, _ uri: String, in tenant: Tenant) throws -> Client {
                var client = Client.unconfigured(try #require(ClientID(id)), in: tenant.id)
                client.subjectType = .pairwise
                client.redirectURIs = [try RedirectURI(uri)]
                return client
            }
            let acme = fixture.server.acme
            let a = try await subjects.subject(of: fixture.account, for: client("a", "https://a.example/cb", in: acme))
            let sibling = try await subjects.subject(of: fixture.account, for: client("a2", "https://a.example/other", in: acme))
            let b = try await subjects.subject(of: fixture.account, for: client("b", "https://b.example/cb", in: acme))
            let foreign = try await subjects.subject(
                of: fixture.account, for: client("a", "https://a.example/cb", in: fixture.server.globex))
            #expect(a == sibling)
            #expect(Set([a, b, foreign, fixture.account.description]).count == 4)
        }
    }

    @Test("Revoking a person reaches tokens under pairwise names") func pairwiseRevocation() async throws {
        try await GrantFixture.with { fixture in
            let token = try #require(try await fixture.redeem(fixture.code(scopes: Self.scopes, subject: "pairwise-name")).accessToken)
            #expect(try await fixture.introspect(token)["sub"] == "pairwise-name")
            try await fixture.store.write(
                Revocation.user(fixture.account).statements(in: fixture.server.acme.id, reason: "test", now: fixture.codes.clock.now),
                in: fixture.server.acme.id
            )
            try await fixture.server.eventually("the token is dead") { try await !fixture.isActive(token) }
            let entries = try await RevocationLog(database: fixture.server.administration.database).living(at: fixture.codes.clock.now)
            #expect(Set(entries.map(\.target)).isSuperset(of: ["pairwise-name", fixture.account.description]))
        }
    }
}

extension GrantFixture {
    func userInfo(_ token: String) async throws -> AuthServerHarness.Answer {
        try await server.get("/t/acme/oauth2/userinfo", headers: [.authorization: "Bearer \(token)"])
    }
}
