import Cryptography
import JOSE
import JSON
import Testing

@Suite("Published vectors") struct VectorTests {
    struct Signature: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let algorithm: JWSAlgorithm
        let isDeterministic: Bool
        let key: JSONObject
        let header: [UInt8]
        let payload: [UInt8]
        let compact: String

        init?(_ value: JSONValue) {
            guard let object = value.objectValue, let name = object["name"]?.stringValue,
                let algorithm = object["algorithm"]?.stringValue.flatMap({ JWSAlgorithm(rawValue: $0) }),
                let isDeterministic = object["deterministic"]?.boolValue, let key = object["key"]?.objectValue,
                let header = object["header"]?.stringValue, let payload = object["payload"]?.stringValue,
                let compact = object["compact"]?.stringValue
            else { return nil }
            testDescription = name
            self.algorithm = algorithm
            self.isDeterministic = isDeterministic
            self.key = key
            self.header = Array(header.utf8)
            self.payload = Array(payload.utf8)
            self.compact = compact
        }
    }

    static let signatures = ((try? vectors("signatures.json"))?["vectors"]?.arrayValue ?? []).compactMap { Signature($0) }

    @Test("all of them are read") func count() throws {
        #expect(Self.signatures.count == 9)
    }

    @Test("RFC 7515 A.1 to A.4, RFC 7519 §3.1, RFC 7520 §4, RFC 8037 A.4 and A.5 verify", arguments: signatures)
    func verifies(vector: Signature) throws {
        let key = try JWSVerificationKey(JWK(json: vector.key), algorithm: vector.algorithm)
        let jws = try JWS(compact: vector.compact)
        #expect(jws.header.algorithmName == vector.algorithm.rawValue)
        #expect(try jws.payload(verifiedWith: key) == vector.payload)
    }

    @Test("the encodings of header and payload are exact", arguments: signatures) func encodings(vector: Signature) throws {
        let segments = vector.compact.split(separator: ".").map(String.init)
        #expect(Base64URL.encode(vector.header) == segments[0])
        #expect(Base64URL.encode(vector.payload) == segments[1])
        #expect(try Base64URL.decode(segments[0]) == vector.header)
        #expect(try Base64URL.decode(segments[1]) == vector.payload)
    }

    @Test(
        "deterministic signatures come out byte for byte, the others verify",
        arguments: signatures.filter { $0.key["d"] != nil || $0.key["k"] != nil })
    func signs(vector: Signature) throws {
        let jwk = try JWK(json: vector.key)
        let segments = vector.compact.split(separator: ".").map(String.init)
        let input = Array("\(segments[0]).\(segments[1])".utf8)
        let signature = try Base64URL.decode(segments[2])
        switch jwk.material {
        case .secret(let secret):
            let hmac = try HMAC(key: secret, digest: try #require(vector.algorithm.hmacDigest))
            #expect(try hmac.authenticate(input) == signature)
        case .privateKey(let key):
            let scheme = try #require(vector.algorithm.scheme)
            let made = try key.sign(input, using: scheme)
            #expect((made == signature) == vector.isDeterministic)
            #expect(try key.publicKey.isValidSignature(made, for: input, using: scheme))
        case .publicKey:
            Issue.record("no private key")
        }
    }

    @Test("any changed character of a token makes it invalid", arguments: signatures) func changes(vector: Signature) throws {
        let key = try JWSVerificationKey(JWK(json: vector.key), algorithm: vector.algorithm)
        let compact = Array(vector.compact.utf8)
        for index in stride(from: 0, to: compact.count, by: 3) {
            var changed = compact
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: JOSEError.self) { try JWS(compact: changed).payload(verifiedWith: key) }
        }
    }

    @Test("RFC 7515 A.5, the unsecured token, is refused") func unsecured() throws {
        let compact = try #require(try vectors("unsecured.json")["compact"]?.stringValue)
        #expect(throws: JOSEError.unsupportedAlgorithm("none")) { try JWS(compact: compact) }
    }

    @Test("RFC 7519 §3.1 claims") func claims() throws {
        let vector = try #require(Self.signatures.first)
        let claims = try JWTClaims(payload: vector.payload)
        #expect(claims.issuer == "joe")
        #expect(claims.expiresAt == 1_300_819_380)
        #expect(claims["http://example.com/is_root"] == true)
        try claims.validate(now: 1_300_819_379, issuer: "joe", audience: nil)
        #expect(throws: JOSEError.expired) { try claims.validate(now: 1_300_819_380, issuer: "joe", audience: nil) }
    }

    @Test("RFC 7517 A.1, public keys") func publicKeys() throws {
        let set = try JWKSet(json: try #require(try vectors("keys.json")["publicSet"]?.objectValue))
        #expect(set.keys.count == 2)
        #expect(set.skippedCount == 0)
        #expect(set[keyID: "1"]?.publicKey?.type == .p256)
        #expect(set[keyID: "1"]?.permitsVerification == false)
        let rsa = try #require(set[keyID: "2011-04-29"])
        #expect(rsa.publicKey?.type == .rsa(bits: 2048))
        #expect(rsa.algorithm == .rs256)
        #expect(rsa.privateKey == nil)
        #expect(throws: JOSEError.keyNotPermitted) { try rsa.privateJSON }
    }

    @Test("RFC 7517 A.2, private keys, come back whole") func privateKeys() throws {
        let file = try vectors("keys.json")
        let elements = try #require(file["privateSet"]?.objectValue?["keys"]?.arrayValue)
        let publics = try #require(file["publicSet"]?.objectValue?["keys"]?.arrayValue)
        for (element, publicElement) in zip(elements, publics) {
            let jwk = try JWK(json: try #require(element.objectValue))
            #expect(try jwk.privateJSON == element.objectValue)
            #expect(jwk.publicJSON == publicElement.objectValue)
        }
        let set = try JWKSet(json: try #require(file["privateSet"]?.objectValue))
        #expect(try JSONValue(parsing: set.serialized()) == file["publicSet"])
    }

    @Test("RFC 7517 A.3, symmetric keys: the one for key wrapping is skipped, none is published") func symmetricKeys() throws {
        let set = try JWKSet(json: try #require(try vectors("keys.json")["symmetricSet"]?.objectValue))
        #expect(set.keys.count == 1)
        #expect(set.skippedCount == 1)
        #expect(String(decoding: set.serialized(), as: UTF8.self) == #"{"keys":[]}"#)
    }

    @Test("RFC 7517 B, a key with a certificate chain, which is ignored") func certificateKey() throws {
        let jwk = try JWK(json: try #require(try vectors("keys.json")["certificateKey"]?.objectValue))
        #expect(jwk.keyID == "1b94c")
        #expect(jwk.use == "sig")
        #expect(jwk.publicJSON?["x5c"] == nil)
    }

    @Test("thumbprints: RFC 7638 §3.1, RFC 8037 A.3") func thumbprints() throws {
        let elements = try #require(try vectors("keys.json")["thumbprints"]?.arrayValue)
        #expect(elements.count == 2)
        for element in elements {
            let object = try #require(element.objectValue)
            #expect(try JWK(json: try #require(object["key"]?.objectValue)).thumbprint == object["thumbprint"]?.stringValue)
        }
    }
}
