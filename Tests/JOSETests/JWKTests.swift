import Cryptography
import JOSE
import JSON
import Testing

@Suite("JWK and JWK sets, RFC 7517") struct JWKTests {
    private static let ec: JSONObject = [
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    ]

    @Test(
        "a private key with one wrong member is refused",
        arguments: [
            ("kty", "RSA"), ("kty", "ec"), ("kty", .null), ("kty", nil), ("crv", "P-384"), ("crv", "secp256k1"), ("crv", nil),
            ("x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEQ"), ("x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU="), ("x", ""),
            ("x", nil),
            ("x", 1), ("y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw"), ("y", nil),
            ("d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LM"),
            ("d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9A"), ("d", ""), ("d", .null), ("alg", "ES384"), ("alg", "RS256"),
            ("alg", "HS256"),
            ("alg", "none"), ("alg", 1), ("kid", 1), ("use", []), ("key_ops", "sign"), ("key_ops", [1]), ("key_ops", ["sign", "sign"]),
        ] as [(String, JSONValue?)])
    func wrongMember(name: String, value: JSONValue?) throws {
        _ = try JWK(json: Self.ec)
        var object = Self.ec
        object[name] = value
        #expect(throws: JOSEError.self) { try JWK(json: object) }
    }

    @Test("a private RSA key needs all its numbers, and they must fit") func rsaMembers() throws {
        let rsa = try JWK(PrivateKey.generate(.rsa(bits: 2048)), algorithm: .rs256).privateJSON
        let other = try JWK(PrivateKey.generate(.rsa(bits: 2048)), algorithm: .rs256).privateJSON
        #expect(try JWK(json: rsa).privateJSON == rsa)
        for name in ["n", "e", "p", "q", "dp", "dq", "qi"] {
            var object = rsa
            object[name] = nil
            #expect(throws: JOSEError.self) { try JWK(json: object) }
        }
        for name in ["n", "d", "p", "q", "dp", "dq", "qi"] {
            var object = rsa
            object[name] = other[name]
            #expect(throws: JOSEError.self) { try JWK(json: object) }
        }
        var multiPrime = rsa
        multiPrime["oth"] = []
        #expect(throws: JOSEError.self) { try JWK(json: multiPrime) }
    }

    @Test("members that are not known are ignored") func unknownMembers() throws {
        var object = Self.ec
        object["ext"] = true
        object["x5u"] = "https://example.com"
        #expect(try JWK(json: object).publicKey?.type == .p256)
    }

    @Test("public JSON holds nothing private", arguments: [.rsa(bits: 2048), .p256, .ed25519] as [KeyType])
    func publicJSON(type: KeyType) throws {
        let jwk = try JWK(PrivateKey.generate(type), algorithm: JWSAlgorithm.only(for: type) ?? .ps256, keyID: "a")
        let json = try #require(jwk.publicJSON)
        for name in ["d", "p", "q", "dp", "dq", "qi", "k"] { #expect(json[name] == nil) }
        let copy = try JWK(json: json)
        #expect(copy.publicKey == jwk.publicKey)
        #expect(copy.privateKey == nil)
        #expect(copy.keyID == "a")
        #expect(copy.use == "sig")
        #expect(copy.algorithm == jwk.algorithm)
        #expect(copy.thumbprint == jwk.thumbprint)
        #expect(!"\(jwk)".contains(try #require(try jwk.privateJSON["d"]?.stringValue)))
    }

    @Test("a secret is never published and not printed") func secret() throws {
        let jwk = try JWK(secret: SecretBytes([UInt8](repeating: 65, count: 32)), algorithm: .hs256)
        #expect(jwk.publicJSON == nil)
        #expect(jwk.keyID == nil)
        #expect("\(jwk)" == "JWK without kid: shared secret")
        #expect(throws: JOSEError.self) { try JWK(secret: SecretBytes([UInt8](repeating: 65, count: 47)), algorithm: .hs384) }
        #expect(throws: JOSEError.unsupportedAlgorithm("ES256")) { try JWK(secret: SecretBytes([1]), algorithm: .es256) }
    }

    @Test("key_ops and use decide what a key may do") func permissions() throws {
        func permits(_ members: JSONObject) throws -> Bool {
            var object = Self.ec
            for member in members.members { object[member.name] = member.value }
            return try JWK(json: object).permitsVerification
        }
        #expect(try permits([:]))
        #expect(try permits(["use": "sig"]))
        #expect(try !permits(["use": "enc"]))
        #expect(try permits(["key_ops": ["verify"]]))
        #expect(try permits(["key_ops": ["sign"]]))
        #expect(try !permits(["key_ops": ["deriveKey"]]))
        #expect(try !permits(["use": "enc", "key_ops": ["verify"]]))
    }

    @Test("an RSA key without alg needs to be told its algorithm") func algorithmOfKey() throws {
        var object = try #require(try JWK(PrivateKey.generate(.rsa(bits: 2048)), algorithm: .rs256).publicJSON)
        let named = try JWK(json: object)
        object["alg"] = nil
        let unnamed = try JWK(json: object)
        #expect(throws: JOSEError.self) { try JWSVerificationKey(unnamed) }
        #expect(try JWSVerificationKey(unnamed, algorithm: .ps256).algorithm == .ps256)
        #expect(throws: JOSEError.self) { try JWSVerificationKey(unnamed, algorithm: .es256) }
        #expect(throws: JOSEError.self) { try JWSVerificationKey(unnamed, algorithm: .hs256) }
        #expect(throws: JOSEError.self) { try JWSVerificationKey(named, algorithm: .ps256) }
        #expect(try JWSVerificationKey(JWK(json: Self.ec)).algorithm == .es256)
    }

    @Test("a set skips keys that it cannot use, and only those") func skipping() throws {
        let good = JSONValue.object(Self.ec)
        var offCurve = Self.ec
        offCurve["x"] = offCurve["y"]
        let keys: JSONValue = [
            ["kty": "future"], good, 1, ["kty": "OKP", "crv": "X25519", "x": "AAAA"], .object(offCurve), [:],
            ["kty": "EC", "crv": "P-256"],
        ]
        let set = try JWKSet(parsing: JSONValue.object(["keys": keys, "extra": 1]).serialized())
        #expect(set.keys.count == 1)
        #expect(set.skippedCount == 6)
    }

    @Test(
        "texts that are no set are refused",
        arguments: ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[],"keys":[]}"#, "{\"keys\":[]"])
    func notASet(text: String) {
        #expect(throws: JOSEError.self) { try JWKSet(parsing: Array(text.utf8)) }
    }

    @Test("sets are bounded in bytes and keys") func bounds() {
        let keys = #"{"keys":[\#(Array(repeating: "{}", count: 101).joined(separator: ","))]}"#
        #expect(throws: JOSEError.self) { try JWKSet(parsing: Array(keys.utf8)) }
        #expect(throws: JOSEError.tooLarge(maximumBytes: 10)) { try JWKSet(parsing: Array(keys.utf8), maximumBytes: 10) }
        #expect(throws: JOSEError.tooLarge(maximumBytes: 65_536)) { try JWK(parsing: [UInt8](repeating: 0x20, count: 65_537)) }
    }

    @Test("of two keys with one kid the one for signatures is found") func sameKeyID() throws {
        var encryption = try JWK(PrivateKey.generate(.p256), algorithm: .es256, keyID: "a")
        encryption.use = "enc"
        let signature = try JWK(PrivateKey.generate(.p384), algorithm: .es384, keyID: "a")
        #expect(JWKSet([encryption, signature])[keyID: "a"]?.publicKey?.type == .p384)
        #expect(JWKSet([encryption])[keyID: "a"]?.publicKey?.type == .p256)
        #expect(JWKSet([encryption])[keyID: "A"] == nil)
    }
}
