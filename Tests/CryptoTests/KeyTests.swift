import Testing

@testable import Cryptography

@Suite("Keys") struct KeyTests {
    private static let types: [KeyType] = [.rsa(bits: 2048), .p256, .p384, .p521, .ed25519]

    @Test("come back from PEM, DER and their numbers", arguments: types) func roundTrip(type: KeyType) throws {
        let key = try PrivateKey.generate(type)
        #expect(key.type == type)
        let scheme = try #require(allSchemes.first { $0.0 == type }?.1)
        for copy in [
            try PrivateKey(pem: key.pemRepresentation), try PrivateKey(pkcs8DER: key.pkcs8DER),
            try PrivateKey(trustedPKCS8DER: key.pkcs8DER),
            try PrivateKey(key.components),
        ] {
            #expect(copy.type == type)
            #expect(copy.publicKey == key.publicKey)
            #expect(try copy.pkcs8DER == key.pkcs8DER)
            let signature = try copy.sign([1], using: scheme)
            #expect(try key.publicKey.isValidSignature(signature, for: [1], using: scheme))
        }
        for copy in [try PublicKey(pem: key.publicKey.pemRepresentation), try PublicKey(key.publicKey.components)] {
            #expect(copy == key.publicKey)
            #expect(copy.type == type)
        }
        #expect(try key.pemRepresentation.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
        #expect(try key.publicKey.pemRepresentation.hasPrefix("-----BEGIN PUBLIC KEY-----\n"))
    }

    @Test("two generated keys differ", arguments: types) func generation(type: KeyType) throws {
        #expect(try PrivateKey.generate(type).publicKey != PrivateKey.generate(type).publicKey)
    }

    @Test("RSA lengths out of bounds are refused", arguments: [0, 1024, 2047, 8193, Int.max]) func rsaLength(bits: Int) {
        #expect(throws: CryptoError.self) { try PrivateKey.generate(.rsa(bits: bits)) }
    }

    @Test(
        "PEM files of OpenSSL are read",
        arguments: [
            ("rsa-pkcs8.pem", .rsa(bits: 2048)), ("rsa-pkcs1.pem", .rsa(bits: 2048)), ("p256-with-parameters.pem", .p256),
            ("p384-sec1.pem", .p384), ("ed25519-pkcs8.pem", .ed25519),
        ] as [(String, KeyType)])
    func pemFiles(name: String, type: KeyType) throws {
        let text = try fixture(name)
        #expect(try PrivateKey(pem: text).type == type)
        #expect(try PrivateKey(pem: "Some text before\r\n" + text.replacing("\n", with: "\r\n") + "\r\nand after").type == type)
    }

    @Test("public PEM files are read") func publicPEMFiles() throws {
        let key = try PrivateKey(pem: fixture("rsa-pkcs8.pem")).publicKey
        #expect(try PublicKey(pem: fixture("rsa-spki.pem")) == key)
        #expect(try PublicKey(pem: fixture("rsa-pkcs1-public.pem")) == key)
        #expect(try PublicKey(pem: fixture("p256-spki.pem")) == PrivateKey(pem: fixture("p256-with-parameters.pem")).publicKey)
    }

    @Test(
        "keys that are not accepted say why",
        arguments: [
            ("encrypted-pkcs8.pem", "encrypted"), ("encrypted-sec1.pem", "encrypted"), ("rsa-1024.pem", "1024 bits is too short"),
            ("rsa-pss.pem", "RSA-PSS are not supported"), ("secp256k1.pem", "curve secp256k1 is not supported"),
            ("explicit-curve.pem", "spells out its curve"), ("x25519.pem", "X25519 are not supported"),
            ("ed448.pem", "ED448 are not supported"), ("rsa-spki.pem", "holds a PUBLIC KEY; a private key is needed"),
            ("certificate.pem", "holds a CERTIFICATE; a private key is needed"),
        ])
    func refusedFiles(name: String, message: String) throws {
        let text = try fixture(name)
        let error = #expect(throws: CryptoError.self) { try PrivateKey(pem: text) }
        #expect("\(try #require(error))".contains(message))
    }

    @Test("broken PEM is refused") func brokenPEM() throws {
        let text = try fixture("p384-sec1.pem")
        for broken in ["", "x", "-----BEGIN EC PRIVATE KEY-----", text.replacing("-----END", with: "----END"), text + text] {
            #expect(throws: CryptoError.self) { try PrivateKey(pem: broken) }
        }
        #expect(throws: CryptoError.self) { try PrivateKey(pem: String(repeating: "a", count: 100_000)) }
        #expect(throws: CryptoError.self) { try PublicKey(pem: text) }
        let error = #expect(throws: CryptoError.self) {
            try PrivateKey(pem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        }
        guard case .openSSL("reading the PEM key", let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty && reason != "no reason given")
    }

    @Test("cut or changed DER never makes another key and never traps") func brokenDER() throws {
        for type in [.p256, .ed25519] as [KeyType] {
            let key = try PrivateKey.generate(type)
            let der = try key.pkcs8DER
            for count in 0..<der.count { #expect(throws: CryptoError.self) { try PrivateKey(pkcs8DER: Array(der.prefix(count))) } }
            #expect(throws: CryptoError.invalidKey("bytes after the PKCS#8 key")) { try PrivateKey(pkcs8DER: der + [0]) }
            for index in der.indices {
                var changed = der
                changed[index] ^= 1
                _ = try? PrivateKey(pkcs8DER: changed)
            }
        }
        #expect(throws: CryptoError.self) { try PrivateKey(pkcs8DER: []) }
    }

    @Test("points off their curve are refused", arguments: EllipticCurve.allCases) func pointsOffCurve(curve: EllipticCurve) throws {
        guard case .elliptic(_, let x, let y) = try PrivateKey.generate(curve.keyType).publicKey.components else { return }
        var nearY = y
        nearY[curve.byteCount - 1] ^= 1
        let zero = [UInt8](repeating: 0, count: curve.byteCount)
        let full = [UInt8](repeating: 0xFF, count: curve.byteCount)
        for (x, y) in [
            (x, nearY), (y, x), (zero, zero), (full, full), (x, zero), (Array(x.dropFirst()), y), (x, [0] + y), (x, []), ([], []),
        ] {
            #expect(throws: CryptoError.self) { try PublicKey(curve: curve, x: x, y: y) }
        }
        for other in EllipticCurve.allCases where other != curve {
            #expect(throws: CryptoError.self) { try PublicKey(curve: other, x: x, y: y) }
        }
    }

    @Test("private halves that do not match are refused", arguments: EllipticCurve.allCases) func mismatchedEC(curve: EllipticCurve) throws
    {
        guard case .elliptic(_, let x, let y, let d) = try PrivateKey.generate(curve.keyType).components,
            case .elliptic(_, _, _, let otherD) = try PrivateKey.generate(curve.keyType).components
        else { return }
        let zero = [UInt8](repeating: 0, count: curve.byteCount)
        let full = [UInt8](repeating: 0xFF, count: curve.byteCount)
        var near = d
        near[curve.byteCount - 1] ^= 1
        for wrong in [otherD, near, zero, full, Array(d.dropFirst()), [0] + d, []] {
            #expect(throws: CryptoError.self) { try PrivateKey(.elliptic(curve, x: x, y: y, d: wrong)) }
        }
    }

    @Test("Ed25519 halves that do not match are refused") func mismatchedEd25519() throws {
        guard case .ed25519(let publicKey, let seed) = try PrivateKey.generate(.ed25519).components else { return }
        var near = seed
        near[0] ^= 1
        for wrong in [near, Array(seed.dropLast()), seed + [0], []] {
            #expect(throws: CryptoError.self) { try PrivateKey(.ed25519(publicKey: publicKey, seed: wrong)) }
        }
        #expect(throws: CryptoError.self) { try PublicKey(ed25519: Array(publicKey.dropLast())) }
        #expect(throws: CryptoError.self) { try PublicKey(ed25519: []) }
    }

    @Test(
        "an RSA key with any wrong number is refused",
        arguments: [
            \.modulus, \.publicExponent, \.privateExponent, \.primeP, \.primeQ, \.exponentP, \.exponentQ, \.coefficient,
        ] as [any WritableKeyPath<RSAPrivateComponents, [UInt8]> & Sendable])
    func inconsistentRSA(path: any WritableKeyPath<RSAPrivateComponents, [UInt8]> & Sendable) throws {
        guard case .rsa(let components) = try PrivateKey(pem: fixture("rsa-pkcs8.pem")).components else { return }
        var changed = components
        changed[keyPath: path][changed[keyPath: path].count - 1] ^= 2
        #expect(throws: CryptoError.self) { try PrivateKey(.rsa(changed)) }
        for bytes in [[], [0], [1]] as [[UInt8]] {
            changed = components
            changed[keyPath: path] = bytes
            #expect(throws: CryptoError.self) { try PrivateKey(.rsa(changed)) }
        }
    }

    @Test("RSA public keys that are weak or costly are refused") func rsaPublic() throws {
        guard case .rsa(let modulus, let exponent) = try PublicKey(pem: fixture("rsa-spki.pem")).components else { return }
        #expect(exponent == [1, 0, 1])
        #expect(try PublicKey(rsaModulus: [0] + modulus, exponent: [0, 1, 0, 1]).components == .rsa(modulus: modulus, exponent: exponent))
        for exponent in [[], [0], [1], [2], [1, 0, 0], [UInt8](repeating: 0xFF, count: 9)] as [[UInt8]] {
            #expect(throws: CryptoError.self) { try PublicKey(rsaModulus: modulus, exponent: exponent) }
        }
        let even = Array(modulus.dropLast()) + [modulus[modulus.count - 1] & 0xFE]
        for modulus in [[], [0], even, Array(modulus.prefix(128)) + [1], [UInt8](repeating: 0xFF, count: 1025)] {
            #expect(throws: CryptoError.self) { try PublicKey(rsaModulus: modulus, exponent: exponent) }
        }
    }

    @Test("nothing secret is printed") func descriptions() throws {
        let key = try PrivateKey.generate(.p256)
        #expect("\(key)" == "private key (p256)")
        #expect("\(key.publicKey)" == "public key (p256)")
        #expect("\(try key.components)" == "private key components")
    }

    @Test("errors say what failed and why") func errors() {
        #expect("\(CryptoError.openSSL(operation: "signing", reason: "no memory"))" == "signing failed: no memory")
        #expect("\(CryptoError.authenticationFailed)" == "authentication failed")
    }
}
