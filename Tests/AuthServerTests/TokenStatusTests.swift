import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JOSE
import JSON
import NIOCore
import OAuth
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Introspection and revocation, RFC 7662, 7009, 9701", .enabled(if: TestDatabase.isConfigured)) struct TokenStatusTests {
    private func resourceServer(_ id: String, in tenant: Tenant, _ server: AuthServerHarness) async throws -> String {
        try await AuthServerHarness.service(id, in: tenant, server.administration) { $0.isResourceServer = true }
    }

    @Test("A resource server sees its tenant's tokens, another client its own, and nobody another tenant's") func visibility() async throws
    {
        try await GrantFixture.with { fixture in
            let (access, refresh) = try await fixture.tokens()
            let own = try await resourceServer("api", in: fixture.server.acme, fixture.server)
            let foreign = try await resourceServer("foreign-api", in: fixture.server.globex, fixture.server)
            for token in [access, refresh] {
                #expect(try await fixture.introspect(token)["active"] == true)
                #expect(try await fixture.introspect(token, client: "api", secret: own)["active"] == true)
                let other = try await fixture.introspect(token, client: "other", secret: fixture.otherSecret)
                #expect(other == JSONObject([("active", false)]), "nothing but that")
                let stranger = try await fixture.introspect(token, client: "foreign-api", secret: foreign, tenant: "globex")
                #expect(stranger == JSONObject([("active", false)]))
            }
            for nonsense in ["x", "a.b.c", String(repeating: "a", count: 20_000), access + "x", refresh.dropLast() + "x"] {
                #expect(try await fixture.introspect(String(nonsense))["active"] == false)
            }
        }
    }

    @Test("Who cannot prove to be a client is told nothing") func strangers() async throws {
        try await GrantFixture.with { fixture in
            _ = try await AuthServerHarness.service("public", in: fixture.server.acme, fixture.server.administration) {
                $0.grantTypes = [.authorizationCode]
                $0.redirectURIs = [try RedirectURI(GrantFixture.redirectURI)]
                $0.authenticationMethod = .none
            }
            let token = try await fixture.tokens().access
            for body in ["token=\(token)", "token=\(token)&client_id=public", "token=\(token)&client_id=web"] {
                let answer = try await fixture.server.post("/t/acme/oauth2/introspect", body)
                #expect(answer.status == .unauthorized && answer.error == "invalid_client")
            }
            let missing = try await fixture.server.post(
                "/t/acme/oauth2/introspect", "", headers: fixture.server.basic("web", secret: fixture.webSecret))
            #expect(missing.status == .badRequest && missing.error == "invalid_request")
        }
    }

    @Test("Asked for it, the answer is a JWT for the asking client alone") func signed() async throws {
        try await GrantFixture.with { fixture in
            let token = try await fixture.tokens().access
            var headers = fixture.server.basic("web", secret: fixture.webSecret)
            headers[.contentType] = "application/x-www-form-urlencoded"
            headers[.accept] = "application/token-introspection+jwt"
            let (type, body) = try await fixture.server.client.execute(
                uri: "/t/acme/oauth2/introspect", method: .post, headers: headers, body: ByteBuffer(string: "token=\(token)")
            ) { ($0.headers[.contentType], String(buffer: $0.body)) }
            #expect(type == "application/token-introspection+jwt")
            let keys = JWSVerificationKeys(try await fixture.server.keySet(fixture.server.acme))
            let jws = try JWSVerifier(expectedTypes: ["token-introspection+jwt"]).verify(compact: body, keys: keys)
            let claims = try JWTClaims(payload: jws.payload)
            #expect(claims.audience == ["web"] && claims.issuer == "\(AuthServerHarness.baseURL)/t/acme")
            #expect(claims["token_introspection"]?.objectValue?["active"] == true)
            #expect(claims.expiresAt == nil && claims.subject == nil, "RFC 9701 §5: it must not pass for an access token")
        }
    }

    @Test("Revoking an access token ends it alone; revoking a refresh token ends all that was born of the grant") func revocation()
        async throws
    {
        try await GrantFixture.with { fixture in
            let credentials = fixture.server.basic("web", secret: fixture.webSecret)
            let (access, refresh) = try await fixture.tokens()
            #expect(try await fixture.server.post("/t/acme/oauth2/revoke", "token=\(access)", headers: credentials).status == .ok)
            #expect(try await !fixture.isActive(access), "at once, where it was revoked")
            let next = try await fixture.refresh(refresh)
            let (newAccess, newRefresh) = (try #require(next.accessToken), try #require(next.refreshToken))
            #expect(try await fixture.isActive(newAccess))
            for hint in ["refresh_token", "access_token", "planet"] {
                let answer = try await fixture.server.post(
                    "/oauth2/revoke", "token=\(newRefresh)&token_type_hint=\(hint)", headers: credentials)
                #expect(answer.status == .ok, "a wrong hint does not matter")
            }
            #expect(try await !fixture.isActive(newAccess))
            #expect(try await fixture.refresh(newRefresh).error == "invalid_grant")
            #expect(try await fixture.auditActions().suffix(2) == ["token.revoked", "grant.revoked"])
        }
    }

    @Test("A spent refresh token revokes its grant too; a forged one nothing") func spent() async throws {
        try await GrantFixture.with { fixture in
            let credentials = fixture.server.basic("web", secret: fixture.webSecret)
            let first = try await fixture.tokens().refresh
            let second = try #require(try await fixture.refresh(first).refreshToken)
            let words = try #require(RefreshToken(parsing: first)).secret.words
            let forged = OpaqueSecret.generate(.refreshToken, words).rawValue
            #expect(try await fixture.server.post("/oauth2/revoke", "token=\(forged)", headers: credentials).status == .ok)
            let third = try #require(try await fixture.refresh(second).refreshToken)
            #expect(try await fixture.server.post("/oauth2/revoke", "token=\(first)", headers: credentials).status == .ok)
            #expect(try await fixture.refresh(third).error == "invalid_grant")
        }
    }

    @Test("Another client's token is left alone, and unknown ones are as dead as wished") func foreign() async throws {
        try await GrantFixture.with { fixture in
            let (access, refresh) = try await fixture.tokens()
            let other = fixture.server.basic("other", secret: fixture.otherSecret)
            for token in [access, refresh] {
                let answer = try await fixture.server.post("/t/acme/oauth2/revoke", "token=\(token)", headers: other)
                #expect(answer.status == .badRequest && answer.error == "invalid_request")
                let elsewhere = try await fixture.server.post(
                    "/t/globex/oauth2/revoke", "token=\(token)", headers: fixture.server.basic("foreign", secret: fixture.foreignSecret))
                #expect(elsewhere.status == .ok, "in another tenant it is nothing")
            }
            #expect(try await fixture.isActive(access))
            #expect(try await fixture.refresh(refresh).status == .ok)
            #expect(try await fixture.server.post("/t/acme/oauth2/revoke", "token=nonsense", headers: other).status == .ok)
        }
    }
}
