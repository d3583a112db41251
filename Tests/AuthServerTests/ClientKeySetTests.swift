import Cryptography
import JOSE
import JSON
import Testing

@testable import AuthServer

@Suite("Keys of clients") struct ClientKeySetTests {
    private static func jwk(_ key: PrivateKey, _ algorithm: JWSAlgorithm, _ keyID: String? = "a", _ changes: JSONObject = [:]) throws
        -> JSONObject
    {
        var object = try #require(JWK(key.publicKey, algorithm: algorithm).publicJSON)
        object["kid"] = keyID.map { .string($0) }
        for member in changes.members { object[member.name] = member.value == .null ? nil : member.value }
        return object
    }

    private static func register(_ keys: [JSONObject]) throws -> ClientKeySet {
        try ClientKeySet(registering: JSONObject([("keys", .array(keys.map { .object($0) }))]).serialized())
    }

    @Test("Public keys can be registered, one without kid, several with different ones") func registered() throws {
        let (ec, rsa) = (try PrivateKey.generate(.p256), try PrivateKey.generate(.rsa(bits: 2048)))
        let single = try Self.register([Self.jwk(ec, .es256, nil)])
        #expect(single.key(nil, for: .es256) != nil)
        #expect(single.key("a", for: .es256) == nil)
        let several = try Self.register([Self.jwk(ec, .es256, "a"), Self.jwk(rsa, .ps256, "b"), Self.jwk(rsa, .rs256, "c", ["alg": .null])])
        #expect(several.key("a", for: .es256) != nil)
        #expect(several.key(nil, for: .es256) == nil)
        #expect(several.key("b", for: .ps256) != nil)
        #expect(several.key("b", for: .rs256) == nil)
        for algorithm in JWSAlgorithm.allCases {
            let isRSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].contains(algorithm.rawValue)
            #expect((several.key("c", for: algorithm) != nil) == isRSA, "\(algorithm)")
        }
    }

    @Test("What is private, shared, weak, ambiguous or of no use cannot be registered, and is passed over where it is published")
    func refused() throws {
        let key = try PrivateKey.generate(.p256)
        let good = try Self.jwk(key, .es256)
        let secret: JSONObject = ["kty": .string("oct"), "kid": .string("a"), "k": .string(Base64URL.encode(SecureRandom.bytes(64)))]
        let weak: JSONObject = [
            "kty": .string("RSA"), "kid": .string("a"), "e": .string("AQAB"),
            "n": .string(Base64URL.encode([0xc0] + SecureRandom.bytes(126) + [0x01])),
        ]
        let unusable: [JSONObject] = [
            try JWK(key, algorithm: .es256, keyID: "a").privateJSON, secret, weak,
            try Self.jwk(key, .es256, "a", ["use": .string("enc")]),
            try Self.jwk(key, .es256, "a", ["key_ops": .array([.string("encrypt")])]),
            try Self.jwk(key, .es256, "a", ["alg": .string("HS256")]), try Self.jwk(key, .es256, "a", ["alg": .string("none")]),
            try Self.jwk(key, .es256, "a", ["alg": .string("ES384")]), try Self.jwk(key, .es256, "a", ["crv": .string("P-384")]),
            try Self.jwk(key, .es256, "a", ["kty": .null]), try Self.jwk(key, .es256, "a", ["kid": .integer(1)]),
        ]
        for object in unusable {
            #expect(throws: ClientKeyError.self, "\(object.members.map(\.name))") { try Self.register([object]) }
            let published = try ClientKeySet(JWKSet(json: ["keys": .array([.object(object)])]))
            for algorithm in JWSAlgorithm.allCases { #expect(published.key("a", for: algorithm) == nil) }
        }
        for keys in [[], [good, good], [good, try Self.jwk(key, .es256, nil)], Array(repeating: good, count: 101)] {
            #expect(throws: ClientKeyError.self) { try Self.register(keys) }
        }
        for text in ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[1]}"#, #"{"keys":[],"keys":[]}"#] {
            #expect(throws: ClientKeyError.self) { try ClientKeySet(registering: Array(text.utf8)) }
        }
    }

    @Test("Keys are published over https, or http on this machine") func uris() {
        let accepted = [
            ("https://App.Example/jwks.json?v=1", "app.example", 443), ("HTTPS://app.example:8443/", "app.example", 8443),
            ("http://127.0.0.1:9/jwks", "127.0.0.1", 9), ("http://localhost/jwks", "localhost", 80), ("http://[::1]:81/", "::1", 81),
            ("https://[2001:db8::1]/", "2001:db8::1", 443),
        ]
        for (text, host, port) in accepted {
            let uri = KeySetURI(text)
            #expect(uri?.host == host && uri?.port == port, "\(text)")
        }
        let refused = [
            "", "jwks", "http://app.example/", "http://127.0.0.2/", "http://localhost.example/", "ftp://app.example/", "file:///etc/passwd",
            "https://", "https:///jwks", "https://user@app.example/", "https://user:pw@app.example/", "https://app.example/#f",
            "https://app.example:0/", "https://app.example:70000/", "https://app.exam ple/", "https://app.example\\@127.0.0.1/",
            "https://ünï.example/", "https://" + String(repeating: "a", count: 2000),
        ]
        for text in refused { #expect(KeySetURI(text) == nil, "\(text)") }
    }
}
