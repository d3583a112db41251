import HTTPTypes
import JSON
import OAuth
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
            #expect(Set(grants) == Set(GrantType.allCases.map(\.rawValue)))
            #expect(document["response_types_supported"] == ["code"])
            #expect(document["code_challenge_methods_supported"] == ["S256"])
            #expect(document["id_token_signing_alg_values_supported"] == ["ES256"], "what the tenant's key signs with")
            let methods = try #require(document["token_endpoint_auth_methods_supported"]?.arrayValue).compactMap(\.stringValue)
            #expect(Set(methods) == Set(ClientAuthenticationMethod.allCases.map(\.rawValue)))
            let introspection = try #require(document["introspection_endpoint_auth_methods_supported"]?.arrayValue)
            #expect(!introspection.contains("none"), "public clients cannot introspect")
            let algorithms = try #require(document["token_endpoint_auth_signing_alg_values_supported"]?.arrayValue).compactMap(
                \.stringValue)
            #expect(Set(algorithms).isSuperset(of: ["ES256", "RS256", "PS256", "EdDSA", "HS256"]))
            #expect(!algorithms.contains("none") && !algorithms.contains("HS512"))
            let endpoints = document.members.filter { $0.name.hasSuffix("_endpoint") || $0.name == "jwks_uri" }
            #expect(endpoints.count == 8)
            for (name, value) in endpoints.map({ ($0.name, $0.value) }) {
                let path = String(try #require(value.stringValue).dropFirst(AuthServerHarness.baseURL.count))
                #expect(try await server.get(path).status != .notFound, "\(name)")
            }
            let root = try await server.get("/.well-known/oauth-authorization-server").json
            for name in [
                "jwks_uri", "userinfo_endpoint", "end_session_endpoint", "revocation_events_endpoint",
                "id_token_signing_alg_values_supported",
            ] {
                #expect(root[name] == nil, "\(name) needs a tenant")
            }
        }
    }
}
