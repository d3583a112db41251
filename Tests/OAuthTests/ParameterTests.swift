import OAuth
import Testing

@Suite("Form parameters, RFC 6749 §3.2 and Appendix B") struct ParameterTests {
    @Test("Values are decoded") func decoding() throws {
        let form = try FormParameters(parsing: Array("grant_type=client_credentials&scope=a+b%3Ac&empty=&x=%C3%A9".utf8))
        #expect(form["grant_type"] == "client_credentials")
        #expect(form["scope"] == "a b:c")
        #expect(form["x"] == "é")
        #expect(form["empty"] == nil)
    }

    @Test(
        "Malformed bodies are refused",
        arguments: [
            "a=1&a=2", "a=1&%61=2", "a=&a=1", "a=%", "a=%4", "a=%zz", "a=%00", "a=%ff", "%=1", "a=%c3",
        ])
    func malformed(body: String) {
        let error = #expect(throws: OAuthError.self) { try FormParameters(parsing: Array(body.utf8)) }
        #expect(error?.code == .invalidRequest)
    }

    @Test("More than a hundred parameters are refused") func many() {
        let body = (0...100).map { "p\($0)=1" }.joined(separator: "&")
        #expect(throws: OAuthError.self) { try FormParameters(parsing: Array(body.utf8)) }
    }

    @Test("A path keeps its plus signs") func path() {
        #expect(PercentCoding.decode("a+b%20c".utf8, plusIsSpace: false) == "a+b c")
    }
}

@Suite("HTTP Basic, RFC 6749 §2.3.1") struct BasicCredentialsTests {
    @Test("Both halves are form-decoded") func decoding() throws {
        // s6BhdRkqt3:gX1fBat3bV, the example of RFC 6749 §4.4.2.
        let example = try #require(try BasicCredentials(header: "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"))
        #expect(example.clientID == "s6BhdRkqt3")
        #expect(example.clientSecret == "gX1fBat3bV")
        // a%3Ab:c+d
        let encoded = try #require(try BasicCredentials(header: "basic YSUzQWI6Yytk"))
        #expect(encoded.clientID == "a:b")
        #expect(encoded.clientSecret == "c d")
    }

    @Test("Another scheme is not Basic") func otherScheme() throws {
        #expect(try BasicCredentials(header: "Bearer abc") == nil)
        #expect(try BasicCredentials(header: "") == nil)
    }

    @Test(
        "Malformed credentials are refused",
        arguments: [
            "Basic", "Basic ", "Basic !!!!", "Basic bm9jb2xvbg==", "Basic OnNlY3JldA==", "Basic YSU6Yg==",
            "Basic czZCaGRSa3F0MzpnWDFmQmF0M2J",
        ])
    func malformed(header: String) {
        #expect(throws: OAuthError.self) { try BasicCredentials(header: header) }
    }
}
