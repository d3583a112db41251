import Testing

@testable import OAuth

@Suite("PKCE, RFC 7636") struct PKCETests {
    @Test("Appendix B") func appendixB() throws {
        let verifier = try CodeVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        let challenge = try #require(CodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))
        #expect(CodeChallenge(s256: verifier) == challenge)
        #expect(challenge.matches(verifier))
        #expect(!challenge.matches(try CodeVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl")))
    }

    @Test(
        "A verifier is refused that is too short, too long, or has another character",
        arguments: [
            "", String(repeating: "a", count: 42), String(repeating: "a", count: 129), String(repeating: "a", count: 42) + "+",
            String(repeating: "a", count: 42) + "=", String(repeating: "a", count: 42) + " ", String(repeating: "a", count: 42) + "\u{e9}",
        ])
    func malformedVerifier(text: String) {
        #expect(throws: OAuthError.self) { try CodeVerifier(text) }
    }

    @Test("The bounds of a verifier's length are accepted", arguments: [43, 128]) func bounds(length: Int) throws {
        _ = try CodeVerifier(String(repeating: "~", count: length))
    }

    @Test(
        "A challenge is refused that is not base64url of 32 bytes",
        arguments: [
            "", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA",
        ])
    func malformedChallenge(text: String) {
        #expect(CodeChallenge(text) == nil)
    }
}

@Suite("Matching redirect URIs, RFC 9700 §2.1 and RFC 8252 §7.3") struct RedirectURIMatchingTests {
    @Test(
        "Only the registered bytes match",
        arguments: [
            "https://app.example/callback/", "https://app.example/callbac", "https://app.example/callback?", "https://app.example/Callback",
            "https://APP.example/callback", "HTTPS://app.example/callback", "https://app.example:443/callback",
            "https://app.example:444/callback",
            "https://app.example./callback", "https://app.example/callback#", "https://app.example/callback?x=1",
            "https://user@app.example/callback", "https://app.example@evil.example/callback", "https://app.example.evil.example/callback",
            "https://app.example/x/../callback", "https://app.example/%63allback", "https://app.example\\callback",
            "https://app.example/callback\\", "https:/app.example/callback", "http://app.example/callback", "https://app.example//callback",
            "https://app.example/callback%00", "https://app.example/callback ", " https://app.example/callback", "//app.example/callback",
            "",
        ])
    func nearMisses(asked: String) throws {
        let registered = try RedirectURI("https://app.example/callback")
        #expect(registered.matches("https://app.example/callback"))
        #expect(!registered.matches(asked))
    }

    @Test(
        "A loopback address may have any port",
        arguments: [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"), ("http://127.0.0.1:8765/cb", "http://127.0.0.1:1/cb"),
            ("http://127.0.0.1:8765/cb", "http://127.0.0.1/cb"), ("http://[::1]:7/cb?x=1", "http://[::1]:65535/cb?x=1"),
        ])
    func loopback(registered: String, asked: String) throws {
        #expect(try RedirectURI(registered).matches(asked))
    }

    @Test(
        "A loopback address is free in nothing else",
        arguments: [
            ("http://127.0.0.1:8765/cb", "http://127.0.0.1:8765/cb2"), ("http://127.0.0.1:8765/cb", "http://127.0.0.1:8765/cb?x"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"), ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"), ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"), ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+1/cb"), ("http://127.0.0.1/cb", "http://127.0.0.2:1/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"), ("http://127.0.0.1", "http://127.0.0.1@evil.example"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1\\@evil.example/cb"), ("http://localhost/cb", "http://localhost:1/cb"),
            ("http://localhost/cb", "http://127.0.0.1/cb"), ("https://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
            ("com.example.app:/cb", "com.example.app:/CB"),
        ])
    func loopbackNearMisses(registered: String, asked: String) throws {
        #expect(try !RedirectURI(registered).matches(asked))
    }
}
