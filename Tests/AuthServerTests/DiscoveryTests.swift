import HTTPTypes
import JSON
import ServiceKit
import TestSupport
import Testing

@testable import AuthServer

@Suite("Discovery, RFC 8414", .enabled(if: TestDatabase.isConfigured)) struct DiscoveryTests {
    @Test("Every URL form gives the tenant's document, and the issuer is exact") func forms() async throws {
        try await AuthServerHarness.with { server in
            for slug in ["acme", "globex"] {
                for path in [
                    "/.well-known/oauth-authorization-server/t/\(slug)", "/.well-known/openid-configuration/t/\(slug)",
                    "/t/\(slug)/.well-known/oauth-authorization-server", "/t/\(slug)/.well-known/openid-configuration",
                ] {
                    let answer = try await server.get(path)
                    #expect(answer.status == .ok, "\(path)")
                    #expect(answer.json["issuer"]?.stringValue == "\(AuthServerHarness.baseURL)/t/\(slug)")
                    #expect(answer.json["jwks_uri"]?.stringValue == "\(AuthServerHarness.baseURL)/t/\(slug)/oauth2/jwks")
                    #expect(answer.headers[.cacheControl]?.contains("max-age=300") == true)
                }
                let byHeader = try await server.get("/.well-known/openid-configuration", headers: [.tenantID: slug])
                #expect(byHeader.json["issuer"]?.stringValue == "\(AuthServerHarness.baseURL)/t/\(slug)")
            }
            let root = try await server.get("/.well-known/oauth-authorization-server")
            #expect(root.json["issuer"]?.stringValue == AuthServerHarness.baseURL)
            #expect(root.json["token_endpoint"]?.stringValue == "\(AuthServerHarness.baseURL)/oauth2/token")
            #expect(try await server.get("/t/nowhere/.well-known/openid-configuration").status == .notFound)
        }
    }

    @Test("What is advertised works, and nothing else is advertised") func truth() async throws {
        try await AuthServerHarness.with { server in
            let document = try await server.get("/t/acme/.well-known/openid-configuration").json
            let grants = try #require(document["grant_types_supported"]?.arrayValue).compactMap(\.stringValue)
            #expect(Set(grants) == ["client_credentials", "authorization_code", "refresh_token", "password"])
            #expect(document["response_types_supported"] == .array([.string("code")]))
            #expect(document["response_modes_supported"] == .array([.string("query"), .string("form_post")]))
            #expect(document["code_challenge_methods_supported"] == .array([.string("S256")]))
            #expect(document["authorization_response_iss_parameter_supported"] == .bool(true))
            let methods = try #require(document["token_endpoint_auth_methods_supported"]?.arrayValue).compactMap(\.stringValue)
            #expect(Set(methods) == ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"])
            let algorithms = try #require(document["token_endpoint_auth_signing_alg_values_supported"]?.arrayValue).compactMap(
                \.stringValue)
            #expect(Set(algorithms).isSuperset(of: ["ES256", "RS256", "PS256", "EdDSA", "HS256"]))
            #expect(!algorithms.contains("none") && !algorithms.contains("HS512"))
            for name in ["token_endpoint", "jwks_uri", "authorization_endpoint", "end_session_endpoint"] {
                let url = try #require(document[name]?.stringValue)
                let path = String(url.dropFirst(AuthServerHarness.baseURL.count))
                #expect(try await server.get(path).status != .notFound)
            }
        }
    }
}
