import Cryptography
import JOSE
import JSON
import Testing

@Suite("JWS, RFC 7515") struct JWSTests {
    private let key: PrivateKey
    private let jwk: JWK
    private let verificationKey: JWSVerificationKey
    private let verifier = JWSVerifier(expectedTypes: ["at+jwt"])
    private let payload = Array(#"{"iss":"https://as.example","sub":"x"}"#.utf8)

    init() throws {
        key = try PrivateKey.generate(.p256)
        jwk = try JWK(key, algorithm: .es256)
        verificationKey = try JWSVerificationKey(jwk)
    }

    /// A token with any header at all, signed properly with ES256.
    private func token(header: String, payload: [UInt8]? = nil) throws -> String {
        let input = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(payload ?? self.payload))"
        return "\(input).\(Base64URL.encode(try key.sign(Array(input.utf8), using: .ecdsaP256SHA256)))"
    }

    private func verify(_ token: String) throws(JOSEError) -> VerifiedJWS {
        try verifier.verify(compact: token, keys: JWSVerificationKeys([verificationKey]))
    }

    @Test("every algorithm signs what it verifies", arguments: JWSAlgorithm.allCases) func roundTrip(algorithm: JWSAlgorithm) throws {
        let jwk: JWK
        if let type = algorithm.keyType() {
            jwk = try JWK(PrivateKey.generate(type), algorithm: algorithm)
            #expect(jwk.keyID == jwk.thumbprint)
        } else {
            jwk = try JWK(secret: SecretBytes(SecureRandom.bytes(64)), algorithm: algorithm, keyID: "k")
        }
        let signer = try JWSSigner(jwk, type: "at+jwt")
        for count in [0, 1, 2, 3, 500] {
            let payload = SecureRandom.bytes(count)
            let token = try signer.sign(payload: payload)
            let copy = try JWK(json: jwk.privateJSON)
            let verified = try verifier.verify(compact: token, keys: JWSVerificationKeys([JWSVerificationKey(copy)]))
            #expect(verified.payload == payload)
            #expect(verified.header.keyID == jwk.keyID)
            #expect(verified.header.type == "at+jwt")
            #expect(verified.key.algorithm == algorithm)
            #expect(try String(decoding: signer.signedBytes(payload: payload), as: UTF8.self).split(separator: ".").count >= 2)
        }
    }

    @Test("members that point to keys are ignored") func pointers() throws {
        let other = try JWK(PrivateKey.generate(.p256), algorithm: .es256)
        let embedded = String(decoding: try #require(other.publicJSON).serialized(), as: UTF8.self)
        let members = #""jku":"https://evil.example/jwks","x5u":"https://evil.example","x5c":["AAAA"],"jwk":\#(embedded)"#
        let verified = try verify(token(header: #"{"alg":"ES256","typ":"at+jwt","kid":"\#(jwk.keyID ?? "")",\#(members)}"#))
        #expect(verified.payload == payload)
        let forged = try JWSSigner(other, type: "at+jwt").sign(payload: payload)
        #expect(throws: JOSEError.unknownKey(other.keyID)) { try verify(forged) }
    }

    @Test(
        "headers that are refused",
        arguments: [
            (#"{"alg":"none","typ":"at+jwt"}"#, .unsupportedAlgorithm("none")),
            (#"{"alg":"NONE","typ":"at+jwt"}"#, .unsupportedAlgorithm("NONE")),
            (#"{"alg":"nOnE","typ":"at+jwt"}"#, .unsupportedAlgorithm("nOnE")), (#"{"alg":"HS256","typ":"at+jwt"}"#, .algorithmMismatch),
            (#"{"alg":"ES384","typ":"at+jwt"}"#, .algorithmMismatch), (#"{"alg":"es256","typ":"at+jwt"}"#, .algorithmMismatch),
            (#"{"alg":"ES256 ","typ":"at+jwt"}"#, .algorithmMismatch), (#"{"alg":"","typ":"at+jwt"}"#, .algorithmMismatch),
            (#"{"alg":"ES256","typ":"at+jwt","crit":["exp"],"exp":1}"#, .critical),
            (#"{"alg":"ES256","typ":"at+jwt","crit":[]}"#, .critical),
            (#"{"alg":"ES256","typ":"at+jwt","b64":false}"#, .critical), (#"{"alg":"ES256"}"#, .wrongType(nil)),
            (#"{"alg":"ES256","typ":"JWT"}"#, .wrongType("JWT")), (#"{"alg":"ES256","typ":"at+jw"}"#, .wrongType("at+jw")),
            (#"{"alg":"ES256","typ":""}"#, .wrongType("")),
            (#"{"alg":"ES256","typ":"application/x/at+jwt"}"#, .wrongType("application/x/at+jwt")),
            (#"{"alg":"ES256","alg":"ES256","typ":"at+jwt"}"#, .duplicateMember),
            (#"{"alg":"ES256","\u0061lg":"none","typ":"at+jwt"}"#, .duplicateMember),
            (#"["ES256"]"#, .notAnObject), (#""ES256""#, .notAnObject),
            (#"{"alg":"ES256","typ":"at+jwt","kid":"other"}"#, .unknownKey("other")),
        ] as [(String, JOSEError)])
    func refusedHeaders(header: String, error: JOSEError) throws {
        let token = try token(header: header)
        #expect(throws: error) { try verify(token) }
    }

    @Test(
        "headers that are malformed",
        arguments: [
            "", "{", "{}", "null x", #"{"typ":"at+jwt"}"#, #"{"alg":1}"#, #"{"alg":null}"#, #"{"alg":["ES256"]}"#,
            #"{"alg":"ES256","kid":1}"#, #"{"alg":"ES256","typ":{}}"#,
        ])
    func malformedHeaders(header: String) throws {
        let token = try token(header: header)
        let error = #expect(throws: JOSEError.self) { try verify(token) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("typ is compared as a media type", arguments: ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
    func types(type: String) throws {
        #expect(try verify(token(header: #"{"alg":"ES256","typ":"\#(type)"}"#)).payload == payload)
    }

    @Test("a missing typ passes only where it is expected") func missingType() throws {
        let token = try token(header: #"{"alg":"ES256"}"#)
        let keys = JWSVerificationKeys([verificationKey])
        #expect(try JWSVerifier(expectedTypes: ["", "JWT"]).verify(compact: token, keys: keys).payload == payload)
        #expect(throws: JOSEError.wrongType(nil)) { try JWSVerifier(expectedTypes: ["JWT"]).verify(compact: token, keys: keys) }
        #expect(throws: JOSEError.wrongType(nil)) { try JWSVerifier(expectedTypes: []).verify(compact: token, keys: keys) }
    }

    @Test("tokens of another form are refused") func forms() throws {
        let good = try JWSSigner(jwk, type: "at+jwt").sign(payload: payload)
        #expect(try verify(good).payload == payload)
        let parts = good.split(separator: ".").map(String.init)
        let (header, body, signature) = (parts[0], parts[1], parts[2])
        let forms = [
            "", ".", "..", "...", header, "\(header).\(body)", "\(good).", "\(good).\(signature)", ".\(body).\(signature)",
            "\(header).\(body).\(signature)=",
            "\(header)=.\(body).\(signature)", "\(header).\(body)=.\(signature)", " \(good)", "\(good) ", "\(good)\n",
            "\(header). \(body).\(signature)",
            "\(header).\(body).", "\(header)..\(signature)", "Bearer \(good)", "\(good)\0", "\(header).\(body).\(signature.dropLast())",
            "\(header).\(body).\(signature)A", "\(header).\(signature).\(body)",
        ]
        for form in forms { #expect(throws: JOSEError.self) { try verify(form) } }
        #expect(throws: JOSEError.badSignature) { try verify("\(header).\(body).") }
    }

    @Test("bits of the last character that are not used must be zero") func trailingBits() throws {
        let good = try JWSSigner(jwk, type: "at+jwt").sign(payload: payload)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(good.last.flatMap { alphabet.firstIndex(of: $0) })
        // 64 bytes leave four bits unused.
        for bits in 1..<16 { #expect(throws: JOSEError.self) { try verify("\(good.dropLast())\(alphabet[last ^ bits])") } }
    }

    @Test("signatures of another form are refused") func signatures() throws {
        let good = try JWSSigner(jwk, type: "at+jwt").sign(payload: payload)
        let parts = good.split(separator: ".").map(String.init)
        let raw = try Base64URL.decode(parts[2])
        let (r, s) = (Array(raw.prefix(32)), Array(raw.suffix(32)))
        let positive = { (half: [UInt8]) in half[0] >= 0x80 ? [0] + half : half }
        let body = [0x02, UInt8(positive(r).count)] + positive(r) + [0x02, UInt8(positive(s).count)] + positive(s)
        let zero = [UInt8](repeating: 0, count: 32)
        for forged in [[0x30, UInt8(body.count)] + body, zero + zero, r + zero, zero + s, [0] + r + [0] + s, s + r, [0], raw + raw] {
            #expect(throws: JOSEError.badSignature) { try verify("\(parts[0]).\(parts[1]).\(Base64URL.encode(forged))") }
        }
    }

    @Test("the size is bounded before anything is decoded") func size() throws {
        let signer = try JWSSigner(jwk, type: "at+jwt")
        let token = try signer.sign(payload: [UInt8](repeating: 0x20, count: 6000))
        let count = token.utf8.count
        _ = try JWS(compact: token, maximumBytes: count)
        #expect(throws: JOSEError.tooLarge(maximumBytes: count - 1)) { try JWS(compact: token, maximumBytes: count - 1) }
        #expect(throws: JOSEError.tooLarge(maximumBytes: 8192)) { try verify(String(repeating: ".", count: 8193)) }
        #expect(throws: JOSEError.tooLarge(maximumBytes: 8192)) { try JWS(compact: [UInt8](repeating: 0x2E, count: 8193)) }
    }

    @Test("an HMAC made with a public key's text is not taken for its signature") func confusion() throws {
        for type in [.rsa(bits: 2048), .p256] as [KeyType] {
            let key = try PrivateKey.generate(type)
            let algorithm = JWSAlgorithm.only(for: type) ?? .rs256
            let target = try JWSVerificationKey(JWK(key.publicKey, algorithm: algorithm, keyID: "k"))
            let secrets = [Array(try key.publicKey.pemRepresentation.utf8), try key.publicKey.derRepresentation]
            for secret in secrets {
                let forged = try JWSSigner(secret: SecretBytes(secret), algorithm: .hs256, keyID: "k", type: "at+jwt").sign(
                    payload: payload)
                #expect(throws: JOSEError.algorithmMismatch) { try verifier.verify(compact: forged, keys: JWSVerificationKeys([target])) }
            }
        }
    }

    @Test("PS256 and RS256 of the same key are not exchangeable") func rsaAlgorithms() throws {
        let key = try PrivateKey.generate(.rsa(bits: 2048))
        let token = try JWSSigner(key: key, algorithm: .ps256, keyID: "k", type: "at+jwt").sign(payload: payload)
        let target = try JWSVerificationKey(JWK(key.publicKey, algorithm: .rs256, keyID: "k"))
        #expect(throws: JOSEError.algorithmMismatch) { try verifier.verify(compact: token, keys: JWSVerificationKeys([target])) }
    }

    @Test("without kid only a single key is tried") func keyChoice() throws {
        let token = try token(header: #"{"alg":"ES256","typ":"at+jwt"}"#)
        let other = try JWSVerificationKey(JWK(PrivateKey.generate(.p256), algorithm: .es256))
        #expect(throws: JOSEError.unknownKey(nil)) {
            try verifier.verify(compact: token, keys: JWSVerificationKeys([verificationKey, other]))
        }
        #expect(throws: JOSEError.unknownKey(nil)) { try verifier.verify(compact: token, keys: JWSVerificationKeys([])) }
        #expect(throws: JOSEError.badSignature) { try verifier.verify(compact: token, keys: JWSVerificationKeys([other])) }
    }

    @Test("kid is compared byte for byte") func keyIDs() throws {
        let key = try JWSVerificationKey(JWK(key.publicKey, algorithm: .es256, keyID: "K"))
        let keys = JWSVerificationKeys([key])
        #expect(keys["K"] != nil)
        for other in ["k", "\u{212A}", "K ", ""] { #expect(keys[other] == nil) }
    }

    @Test("a signer refuses keys that do not suit") func signerKeys() throws {
        #expect(throws: JOSEError.unsupportedAlgorithm("ES384")) { try JWSSigner(key: key, algorithm: .es384, keyID: nil) }
        #expect(throws: JOSEError.unsupportedAlgorithm("HS256")) { try JWSSigner(key: key, algorithm: .hs256, keyID: nil) }
        #expect(throws: JOSEError.unsupportedAlgorithm("ES256")) { try JWSSigner(secret: SecretBytes([1]), algorithm: .es256, keyID: nil) }
        #expect(throws: JOSEError.self) {
            try JWSSigner(secret: SecretBytes([UInt8](repeating: 1, count: 31)), algorithm: .hs256, keyID: nil)
        }
        #expect(throws: JOSEError.keyNotPermitted) { try JWSSigner(JWK(key.publicKey, algorithm: .es256)) }
        var encryption = jwk
        encryption.use = "enc"
        #expect(throws: JOSEError.keyNotPermitted) { try JWSSigner(encryption) }
        #expect(throws: JOSEError.keyNotPermitted) { try JWSVerificationKey(encryption) }
    }
}
