import HTTPTypes
import JOSE
import JSON
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import AuthServer

@Suite("Client credentials, RFC 6749 §4.4", .enabled(if: TestDatabase.isConfigured)) struct ClientCredentialsTests {
    @Test("A service gets a token of its own tenant, signed by its tenant's key") func issue() async throws {
        try await AuthServerHarness.with { server in
            for (tenant, other) in [(server.acme, server.globex), (server.globex, server.acme)] {
                let token = try await server.token(tenant)
                let verifier = JWSVerifier(expectedTypes: ["at+jwt"])
                let payload = try verifier.verify(compact: token, keys: JWSVerificationKeys(await server.keySet(tenant))).payload
                let claims = try AccessTokenCodec.claims(JWTClaims(payload: payload))
                #expect(claims.issuer == "\(AuthServerHarness.baseURL)/t/\(tenant.slug)")
                #expect(claims.tenantID == tenant.id)
                #expect(claims.audience == AuthServerHarness.audience)
                #expect(claims.subject == "\(tenant.slug)-service")
                #expect(claims.expiresAt == claims.issuedAt + 3600)
                #expect(claims.scopes.description == "customers:read")
                let foreignKeys = JWSVerificationKeys(try await server.keySet(other))
                #expect(throws: JOSEError.self) { try verifier.verify(compact: token, keys: foreignKeys) }
            }
        }
    }

    @Test("The answer is not to be stored, and says what was granted") func answer() async throws {
        try await AuthServerHarness.with { server in
            let answer = try await server.post(
                "/t/acme/oauth2/token", "grant_type=client_credentials&scope=customers:read+secrets:read+*:delete",
                headers: server.basic("acme-service")
            )
            #expect(answer.status == .ok)
            #expect(answer.headers[.cacheControl] == "no-store")
            #expect(answer.json["token_type"]?.stringValue == "Bearer")
            #expect(answer.json["expires_in"]?.intValue == 3600)
            #expect(answer.json["scope"]?.stringValue == "customers:read orders:delete")
        }
    }

    @Test("Credentials in the body, at the root, and without scope work alike") func variants() async throws {
        try await AuthServerHarness.with { server in
            let secret = try await AuthServerHarness.service("poster", in: server.globex, server.administration) {
                $0.authenticationMethod = .clientSecretPost
            }
            let body = "grant_type=client_credentials&client_id=poster&client_secret=\(secret)"
            for path in ["/t/globex/oauth2/token", "/oauth2/token"] {
                let answer = try await server.post(path, body)
                #expect(answer.status == .ok)
                #expect(answer.json["scope"]?.stringValue == "customers:read customers:write orders:*")
            }
            #expect(
                try await server.post("/oauth2/token", "grant_type=client_credentials", headers: server.basic("acme-service")).status == .ok
            )
            #expect(try await server.post("/oauth2/token", body, headers: [.tenantID: "globex"]).status == .ok)
            #expect(try await server.post("/oauth2/token", body, headers: [.tenantID: server.globex.id.description]).status == .ok)
        }
    }

    @Test("A client's role narrows its scopes") func role() async throws {
        try await AuthServerHarness.with { server in
            let role = try #require(try await server.administration.clients.role("readonly", in: server.acme.id))
            let secret = try await AuthServerHarness.service("reader", in: server.acme, server.administration) { $0.role = role }
            let answer = try await server.post(
                "/oauth2/token", "grant_type=client_credentials", headers: server.basic("reader", secret: secret)
            )
            #expect(answer.json["scope"]?.stringValue == "customers:read orders:read")
        }
    }

    @Test("Another tenant's client is unknown, and tenants that disagree are an error") func tenants() async throws {
        try await AuthServerHarness.with { server in
            let body = "grant_type=client_credentials"
            let foreign = try await server.post("/t/globex/oauth2/token", body, headers: server.basic("acme-service"))
            let unknown = try await server.post(
                "/t/globex/oauth2/token", body, headers: server.basic("nobody", secret: server.secrets["acme-service"]))
            #expect(foreign.status == .unauthorized)
            #expect(foreign.json == unknown.json)

            var headers = server.basic("acme-service")
            headers[.tenantID] = "globex"
            #expect(try await server.post("/t/acme/oauth2/token", body, headers: headers).status == .badRequest)
            #expect(try await server.post("/oauth2/token", body, headers: headers).status == .unauthorized)
            #expect(try await server.post("/t/nowhere/oauth2/token", body, headers: server.basic("acme-service")).status == .notFound)
            #expect(try await server.post("/t/ACME/oauth2/token", body, headers: server.basic("acme-service")).status == .notFound)
        }
    }

    @Test("What is disabled is refused at once and comes back at once") func disabling() async throws {
        try await AuthServerHarness.with { server in
            func status() async throws -> HTTPResponse.Status {
                try await server.post(
                    "/t/acme/oauth2/token", "grant_type=client_credentials", headers: server.basic("acme-service")
                ).status
            }
            let id = try #require(ClientID("acme-service"))
            #expect(try await status() == .ok)
            #expect(try await server.administration.clients.setDisabled(id, in: server.acme.id, true))
            try await server.eventually("the client is refused") { try await status() == .unauthorized }
            #expect(try await server.administration.clients.setDisabled(id, in: server.acme.id, false))
            try await server.eventually("the client is served") { try await status() == .ok }
            #expect(try await server.administration.tenants.setDisabled(server.acme.slug, true))
            try await server.eventually("the tenant is gone") { try await status() == .notFound }
            let root = try await server.post("/oauth2/token", "grant_type=client_credentials", headers: server.basic("acme-service"))
            #expect(root.status == .unauthorized)
            #expect(try await server.token(server.globex) != "")
        }
    }

    @Test("Two secrets are valid while a client changes over") func secretRotation() async throws {
        try await AuthServerHarness.with { server in
            let clients = server.administration.clients
            let id = try #require(ClientID("acme-service"))
            func status(_ secret: String?) async throws -> HTTPResponse.Status {
                try await server.post(
                    "/oauth2/token", "grant_type=client_credentials", headers: server.basic("acme-service", secret: secret)
                ).status
            }
            let second = OpaqueSecret.generate(.clientSecret)
            try await clients.rotateSecret(of: id, in: server.acme.id, to: second.hash, overlapSeconds: 600)
            try await server.eventually("the new secret works") { try await status(second.rawValue) == .ok }
            #expect(try await status(nil) == .ok)
            server.advance.value = 601
            #expect(try await status(nil) == .unauthorized)
            #expect(try await status(second.rawValue) == .ok)

            let third = OpaqueSecret.generate(.clientSecret)
            try await clients.rotateSecret(of: id, in: server.acme.id, to: third.hash, overlapSeconds: 0)
            try await server.eventually("the third secret works") { try await status(third.rawValue) == .ok }
            #expect(try await status(second.rawValue) == .unauthorized)
        }
    }
}

@Suite("Token errors, RFC 6749 §5.2", .enabled(if: TestDatabase.isConfigured)) struct TokenErrorTests {
    @Test("Every malformed request gets the standard's error") func malformed() async throws {
        try await AuthServerHarness.with { server in
            let credentials = server.basic("acme-service")
            let cases: [(body: String, headers: HTTPFields, status: Int, error: String)] = [
                ("", credentials, 400, "invalid_request"),
                ("scope=customers:read", credentials, 400, "invalid_request"),
                ("grant_type=", credentials, 400, "invalid_request"),
                ("grant_type=magic", credentials, 400, "unsupported_grant_type"),
                ("grant_type=authorization_code", credentials, 400, "unauthorized_client"),
                ("grant_type=client_credentials&grant_type=client_credentials", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials&scope=a&scope=b", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials&scope=%ff", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials&scope=%00", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials&scope=a++b", credentials, 400, "invalid_scope"),
                ("grant_type=client_credentials&scope=secrets:read", credentials, 400, "invalid_scope"),
                ("grant_type=client_credentials&client_secret=x", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials&client_id=other", credentials, 400, "invalid_request"),
                ("grant_type=client_credentials", [:], 401, "invalid_client"),
                ("grant_type=client_credentials&client_id=acme-service", [:], 401, "invalid_client"),
                ("grant_type=client_credentials&client_id=a%00b&client_secret=x", [:], 400, "invalid_request"),
                (
                    "grant_type=client_credentials&client_id=acme-service&client_secret=\(server.secrets["acme-service"] ?? "")", [:], 401,
                    "invalid_client"
                ),
                ("grant_type=client_credentials", [.authorization: "Basic !!"], 401, "invalid_client"),
                ("grant_type=client_credentials", [.authorization: "Basic"], 401, "invalid_client"),
                ("grant_type=client_credentials", [.authorization: "Bearer abc"], 401, "invalid_client"),
                ("grant_type=client_credentials", server.basic("acme-service", secret: ""), 401, "invalid_client"),
                ("grant_type=client_credentials", server.basic("acme-service", secret: "spcs_short"), 401, "invalid_client"),
                (
                    "grant_type=client_credentials", server.basic("acme-service", secret: OpaqueSecret.generate(.clientSecret).rawValue),
                    401, "invalid_client"
                ),
                (
                    "grant_type=client_credentials", server.basic("acme-service", secret: server.secrets["globex-service"]), 401,
                    "invalid_client"
                ),
            ]
            for (body, headers, status, error) in cases {
                let answer = try await server.post("/t/acme/oauth2/token", body, headers: headers)
                #expect(answer.status.code == status, "\(body) \(headers)")
                #expect(answer.error == error, "\(body) \(headers)")
                #expect(answer.headers[.cacheControl] == "no-store")
                #expect(answer.headers[.contentType] == "application/json")
                let isChallenged = status == 401 && headers[.authorization] != nil
                #expect((answer.headers[.wwwAuthenticate]?.hasPrefix("Basic") ?? false) == isChallenged, "\(body) \(headers)")
            }
        }
    }

    @Test("Wrong content type, method, place or size") func transport() async throws {
        try await AuthServerHarness.with { server in
            let credentials = server.basic("acme-service")
            var json = credentials
            json[.contentType] = "application/json"
            #expect(
                try await server.post("/oauth2/token", #"{"grant_type":"client_credentials"}"#, headers: json).error == "invalid_request")
            let query = try await server.post(
                "/oauth2/token?grant_type=client_credentials", "grant_type=client_credentials", headers: credentials)
            #expect(query.status == .badRequest)
            for method in [HTTPRequest.Method.get, .put, .delete, .patch] {
                let answer = try await server.execute("/t/acme/oauth2/token", method, credentials, nil)
                #expect(answer.status == .methodNotAllowed)
                #expect(answer.headers[.allow] == "OPTIONS, POST")
                #expect(answer.error == "invalid_request")
            }
            let large = "grant_type=client_credentials&x=" + String(repeating: "a", count: 70_000)
            #expect(try await server.post("/oauth2/token", large, headers: credentials).status == .contentTooLarge)
            #expect(try await server.get("/nowhere").error == "invalid_request")
        }
    }

    @Test("A client cannot use a grant it is not registered for, nor an authentication method") func registration() async throws {
        try await AuthServerHarness.with { server in
            let secret = try await AuthServerHarness.service("webapp", in: server.acme, server.administration) {
                $0.grantTypes = [.authorizationCode]
                $0.redirectURIs = [try RedirectURI("https://a.example/cb")]
            }
            let answer = try await server.post(
                "/oauth2/token", "grant_type=client_credentials", headers: server.basic("webapp", secret: secret)
            )
            #expect(answer.error == "unauthorized_client")
            _ = try await AuthServerHarness.service("public", in: server.acme, server.administration) {
                $0.grantTypes = [.authorizationCode]
                $0.redirectURIs = [try RedirectURI("https://a.example/cb")]
                $0.authenticationMethod = .none
            }
            let open = try await server.post("/oauth2/token", "grant_type=client_credentials&client_id=public")
            #expect(open.error == "invalid_client")
            let unknown = try await server.post("/oauth2/token", "grant_type=client_credentials&client_id=nobody")
            #expect(open.status == unknown.status && open.json == unknown.json)
        }
    }
}
