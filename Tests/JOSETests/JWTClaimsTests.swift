import JOSE
import JSON
import Testing

@Suite("JWT claims, RFC 7519 §4") struct JWTClaimsTests {
    private func claims(_ text: String) throws(JOSEError) -> JWTClaims {
        try JWTClaims(payload: Array(text.utf8))
    }

    @Test("registered claims are read") func registered() throws {
        let claims = try claims(#"{"iss":"i","sub":"s","aud":["a","b"],"exp":10,"nbf":5,"iat":4,"jti":"j","scope":"x"}"#)
        #expect(claims.issuer == "i")
        #expect(claims.subject == "s")
        #expect(claims.audience == ["a", "b"])
        #expect(claims.expiresAt == 10)
        #expect(claims.notBefore == 5)
        #expect(claims.issuedAt == 4)
        #expect(claims.tokenID == "j")
        #expect(claims["scope"] == "x")
        #expect(try JWTClaims(members: ["aud": "a"]).audience == ["a"])
        #expect(try JWTClaims(members: [:]).audience.isEmpty)
    }

    @Test(
        "payloads that are refused",
        arguments: [
            ("[]", .notAnObject), ("\"x\"", .notAnObject), ("1", .notAnObject), ("null", .notAnObject),
            (#"{"exp":1,"exp":2}"#, .duplicateMember), (#"{"sub":"a","s\u0075b":"b"}"#, .duplicateMember),
            (#"{"x":{"a":1,"a":1}}"#, .duplicateMember),
        ] as [(String, JOSEError)])
    func refused(text: String, error: JOSEError) {
        #expect(throws: error) { try claims(text) }
    }

    @Test(
        "claims of the wrong type are malformed",
        arguments: [
            "", "{", #"{"iss":1}"#, #"{"iss":null}"#, #"{"sub":[]}"#, #"{"jti":1}"#, #"{"aud":1}"#, #"{"aud":null}"#, #"{"aud":["a",1]}"#,
            #"{"aud":{}}"#, #"{"exp":"1"}"#, #"{"exp":null}"#, #"{"exp":true}"#, #"{"exp":1e300}"#, #"{"nbf":[]}"#, #"{"iat":"x"}"#,
        ])
    func malformed(text: String) {
        let error = #expect(throws: JOSEError.self) { try claims(text) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("fractions are rounded to the strict side") func fractions() throws {
        let claims = try claims(#"{"exp":10.9,"nbf":5.1,"iat":1.5e0}"#)
        #expect(claims.expiresAt == 10)
        #expect(claims.notBefore == 6)
        #expect(claims.issuedAt == 1)
    }

    @Test(
        "valid from nbf on until just before exp, give or take the leeway",
        arguments: [
            (99, 0, .notYetValid), (100, 0, nil), (199, 0, nil), (200, 0, .expired), (95, 5, nil), (94, 5, .notYetValid), (204, 5, nil),
            (205, 5, .expired), (.max, 0, .expired), (.min, 0, .notYetValid), (.max, .max, .expired), (0, .max, nil),
        ] as [(Int64, Int64, JOSEError?)])
    func time(now: Int64, leeway: Int64, error: JOSEError?) throws {
        let claims = try claims(#"{"iss":"i","nbf":100,"exp":200}"#)
        if let error {
            #expect(throws: error) { try claims.validate(now: now, leeway: leeway, issuer: "i", audience: nil) }
        } else {
            try claims.validate(now: now, leeway: leeway, issuer: "i", audience: nil)
        }
    }

    @Test(
        "issuer and audience are compared byte for byte",
        arguments: [
            (#"{"iss":"https://a","aud":"r","exp":9}"#, nil), (#"{"iss":"https://a","aud":["x","r"],"exp":9}"#, nil),
            (#"{"iss":"https://a/","aud":"r","exp":9}"#, .wrongIssuer), (#"{"iss":"https://A","aud":"r","exp":9}"#, .wrongIssuer),
            (#"{"aud":"r","exp":9}"#, .missingClaim("iss")), (#"{"iss":"https://a","exp":9}"#, .missingClaim("aud")),
            (#"{"iss":"https://a","aud":[],"exp":9}"#, .missingClaim("aud")), (#"{"iss":"https://a","aud":"R","exp":9}"#, .wrongAudience),
            (#"{"iss":"https://a","aud":["r "],"exp":9}"#, .wrongAudience), (#"{"iss":"https://a","aud":"r"}"#, .missingClaim("exp")),
        ] as [(String, JOSEError?)])
    func parties(text: String, error: JOSEError?) throws {
        let claims = try claims(text)
        if let error {
            #expect(throws: error) { try claims.validate(now: 1, issuer: "https://a", audience: "r") }
        } else {
            try claims.validate(now: 1, issuer: "https://a", audience: "r")
        }
    }

    @Test("canonically equivalent text is another issuer") func equivalence() throws {
        #expect(throws: JOSEError.wrongIssuer) {
            try claims("{\"iss\":\"\u{212A}\",\"exp\":9}").validate(now: 1, issuer: "K", audience: nil)
        }
    }
}
