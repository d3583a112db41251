import FoundationEssentials
import HTTPTypes
import JOSE
import JSON
import OAuth
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Bearer tokens, RFC 6750 and RFC 9068 §4", .enabled(if: TestDatabase.isConfigured)) struct BearerTests {
    @Test("Without a token the challenge names no error, and where to learn more") func missing() async throws {
        try await ResourceAPIHarness.with { api in
            for headers in [[:], [.authorization: "Basic YTpi"]] as [HTTPFields] {
                let answer = try await api.send(.get, "customers", token: nil, headers: headers)
                #expect(answer.status == .unauthorized)
                let challenge = try #require(answer.headers[.wwwAuthenticate])
                #expect(challenge.hasPrefix("Bearer "))
                #expect(!challenge.contains("error="))
                #expect(challenge.contains("resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/api/v1\""))
            }
            let inQuery = try await api.send(.get, "customers?access_token=\(api.token(api.acme))", token: nil)
            #expect(inQuery.status == .unauthorized)
        }
    }

    @Test("A malformed header is an invalid request", arguments: ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer é"])
    func malformed(header: String) async throws {
        try await ResourceAPIHarness.with { api in
            let answer = try await api.send(.get, "customers", token: nil, headers: [.authorization: header])
            #expect(answer.status == .badRequest)
            #expect(answer.headers[.wwwAuthenticate]?.contains("error=\"invalid_request\"") == true)
        }
    }

    @Test("Only a good token of ours, for this API, in its time, passes") func refusals() async throws {
        try await ResourceAPIHarness.with { api in
            let good = try api.claims(api.acme)
            func signed(_ change: (inout AccessTokenClaims) throws -> Void, as tenant: TenantSlug? = nil) throws -> String {
                var claims = good
                try change(&claims)
                return try api.issuer.sign(AccessTokenCodec.payload(claims), as: tenant ?? api.acme)
            }
            let now = WallClock.system.now
            let token = try signed { _ in }
            let parts = token.split(separator: ".").map(String.init)
            func flipped(_ text: String) -> String {
                String(text.dropLast(8)) + (text.suffix(8).first == "A" ? "B" : "A") + text.suffix(7)
            }
            let otherPayload = try signed { $0.subject = "somebody else" }.split(separator: ".").map(String.init)[1]
            let none = Base64URL.encode(Array(#"{"alg":"none","typ":"at+jwt"}"#.utf8))
            let bad: [(String, String)] = [
                ("expired", try signed { $0.expiresAt = now - 6 }),
                ("not yet valid", try signed { $0.issuedAt = now + 60 }),
                ("other audience", try signed { $0.audience = "https://other.example" }),
                ("foreign issuer", try signed { $0.issuer = "https://evil.example/t/acme" }),
                ("issuer with a slash", try signed { $0.issuer += "/" }),
                ("unknown tenant", try signed { $0.issuer = "\(ResourceAPIHarness.baseURL)/t/nowhere" }),
                ("signed by another tenant", try signed({ _ in }, as: api.globex)),
                ("another tenant's slug in the claims", try signed { $0.tenant = api.globex }),
                ("another tenant's id, signed with the tenant's own key", try signed { $0.tenantID = TenantID(TestDatabase.globex) }),
                ("tampered payload", "\(parts[0]).\(otherPayload).\(parts[2])"),
                ("tampered signature", "\(parts[0]).\(parts[1]).\(flipped(parts[2]))"),
                ("no signature", "\(parts[0]).\(parts[1])."),
                ("alg none", "\(none).\(parts[1])."),
                ("two segments", "\(parts[0]).\(parts[1])"),
                ("four segments", token + ".x"),
                ("not a token", "abc"),
                ("oversized", String(repeating: "a", count: 8193)),
            ]
            for (name, token) in bad {
                let answer = try await api.send(.get, "customers", token: token)
                #expect(answer.status == .unauthorized, "\(name)")
                #expect(answer.headers[.wwwAuthenticate]?.contains("error=\"invalid_token\"") == true, "\(name)")
                #expect(answer.code == "PGRST301", "\(name)")
            }
            #expect(try await api.send(.get, "customers", token: token).status == .ok)
        }
    }

    @Test("A token of another type is refused, whoever signed it") func type() async throws {
        try await ResourceAPIHarness.with { api in
            try api.issuer.newKey(for: api.acme, type: "JWT")
            #expect(try await api.send(.get, "customers", token: api.token(api.acme)).status == .unauthorized)
        }
    }

    @Test("A request that names another tenant than its token is refused") func tenant() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            for (value, status) in [
                ("acme", 200), (TestDatabase.acme.uuidString, 200), ("globex", 403), (TestDatabase.globex.uuidString, 403), ("x y", 403),
            ] {
                let answer = try await api.send(.get, "customers", token: token, headers: [.tenantID: value])
                #expect(answer.status.code == status, "\(value)")
            }
        }
    }

    @Test("Scopes bound what a token may do, and the challenge names the missing one") func scopes() async throws {
        try await ResourceAPIHarness.with { api in
            let reader = try api.token(api.acme, scope: "customers:read")
            #expect(try await api.send(.get, "customers", token: reader).status == .ok)
            #expect(try await api.send(.head, "customers", token: reader).status == .ok)
            for (method, path, body, scope) in [
                (.get, "orders", nil, "orders:read"), (.post, "customers", #"{"name":"x"}"#, "customers:write"),
                (.patch, "customers?name=eq.x", #"{"name":"y"}"#, "customers:write"),
                (.delete, "customers?name=eq.x", nil, "customers:delete"),
            ] as [(HTTPRequest.Method, String, String?, String)] {
                let answer = try await api.send(method, path, token: reader, body: body)
                #expect(answer.status == .forbidden)
                let challenge = try #require(answer.headers[.wwwAuthenticate])
                #expect(challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"\(scope)\""))
            }
        }
    }
}
