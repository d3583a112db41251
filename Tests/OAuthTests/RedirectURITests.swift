import OAuth
import Testing

@Suite("Redirect URIs, RFC 9700 §2.1 and RFC 8252 §7") struct RedirectURITests {
    @Test(
        "Accepted",
        arguments: [
            "https://app.example/callback", "https://app.example/callback?x=1", "http://127.0.0.1:8765/callback", "http://localhost/cb",
            "http://[::1]:9/cb", "com.example.app:/callback",
        ])
    func accepted(text: String) throws {
        #expect(try RedirectURI(text).rawValue == text)
    }

    @Test(
        "Refused",
        arguments: [
            "", "/callback", "app.example/callback", "http://app.example/callback", "https://app.example/#fragment",
            "https://app.example/#",
            "https://user@app.example/", "https://user:pw@app.example/", "https://*.example/cb", "javascript:alert(1)", "data:text/html,x",
            "https:///callback", "https://app.example/\\evil", "https://app.example/ x", "http://127.0.0.1.evil.example/cb",
            "https://app.example/\u{e9}",
        ])
    func refused(text: String) {
        #expect(throws: InvalidRedirectURI.self) { try RedirectURI(text) }
    }
}

@Suite("Client identifiers, RFC 6749 §2.2") struct ClientIDTests {
    @Test("Refused", arguments: ["", "a b", "a:b", "a\"b", "a\\b", "ä", "a\u{0}", String(repeating: "x", count: 256)])
    func refused(text: String) {
        #expect(ClientID(text) == nil)
    }

    @Test("Accepted", arguments: ["s6BhdRkqt3", "https-less.client_1~!", String(repeating: "x", count: 255)])
    func accepted(text: String) {
        #expect(ClientID(text)?.rawValue == text)
    }
}
