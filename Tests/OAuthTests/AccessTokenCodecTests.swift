import FoundationEssentials
import JOSE
import JSON
import OAuth
import Tenancy
import Testing

@Suite("Access tokens, RFC 9068") struct AccessTokenCodecTests {
    private func claims() throws -> AccessTokenClaims {
        AccessTokenClaims(
            issuer: "https://id.example/t/acme", subject: "service", audience: "https://api.example", issuedAt: 1_700_000_000,
            expiresAt: 1_700_003_600, tokenID: "id-1", clientID: try #require(ClientID("service")),
            scopes: try ScopeSet(parsing: "customers:read orders:read"), tenant: try TenantSlug("acme"), tenantID: TenantID(UUID()),
            roles: ["user"], sessionID: "s-1"
        )
    }

    @Test("What is written is read back") func roundTrip() throws {
        let claims = try claims()
        #expect(try AccessTokenCodec.claims(JWTClaims(payload: AccessTokenCodec.payload(claims))) == claims)
    }

    @Test(
        "A token without a required claim, or with one of another type, is malformed",
        arguments: [
            "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "tenant", "org_id",
        ])
    func missing(claim: String) throws {
        let payload = try JSONValue(parsing: AccessTokenCodec.payload(claims()))
        var object = try #require(payload.objectValue)
        object[claim] = nil
        #expect(throws: (any Error).self) {
            try AccessTokenCodec.claims(JWTClaims(payload: JSONValue.object(object).serialized()))
        }
        object[claim] = .bool(true)
        #expect(throws: (any Error).self) {
            try AccessTokenCodec.claims(JWTClaims(payload: JSONValue.object(object).serialized()))
        }
    }
}
