import FoundationEssentials
import Testing

@testable import Cryptography

let allSchemes: [(KeyType, SignatureScheme)] = [
    (.rsa(bits: 2048), .rsaPKCS1(.sha256)), (.rsa(bits: 2048), .rsaPKCS1(.sha384)), (.rsa(bits: 2048), .rsaPKCS1(.sha512)),
    (.rsa(bits: 2048), .rsaPSS(.sha256)), (.rsa(bits: 2048), .rsaPSS(.sha384)), (.rsa(bits: 2048), .rsaPSS(.sha512)),
    (.p256, .ecdsaP256SHA256), (.p384, .ecdsaP384SHA384), (.p521, .ecdsaP521SHA512), (.ed25519, .ed25519),
]

@Suite("Signatures") struct SignatureTests {
    private static let keys: [KeyType: PrivateKey] = {
        var keys: [KeyType: PrivateKey] = [:]
        for type in [.rsa(bits: 2048), .p256, .p384, .p521, .ed25519] as [KeyType] { keys[type] = try? PrivateKey.generate(type) }
        return keys
    }()

    private func key(_ type: KeyType) throws -> PrivateKey { try #require(Self.keys[type]) }

    @Test("verify under their own key, message and scheme only", arguments: allSchemes)
    func nearMisses(type: KeyType, scheme: SignatureScheme) throws {
        let key = try key(type)
        let message = Array("message".utf8)
        let signature = try key.sign(message, using: scheme)
        #expect(signature.count == key.signatureByteCount)
        #expect(try key.publicKey.isValidSignature(signature, for: message, using: scheme))
        #expect(try !key.publicKey.isValidSignature(signature, for: message + [0], using: scheme))
        #expect(try !key.publicKey.isValidSignature(signature, for: [], using: scheme))
        #expect(try !PrivateKey.generate(type).publicKey.isValidSignature(signature, for: message, using: scheme))
        for index in [0, signature.count / 2 - 1, signature.count / 2, signature.count - 1] {
            var changed = signature
            changed[index] ^= 1
            #expect(try !key.publicKey.isValidSignature(changed, for: message, using: scheme))
        }
        for other in [[], Array(signature.dropLast()), Array(signature.dropFirst()), signature + [0], [0] + signature] as [[UInt8]] {
            #expect(try !key.publicKey.isValidSignature(other, for: message, using: scheme))
        }
        for byte: UInt8 in [0, 0xFF] {
            let constant = [UInt8](repeating: byte, count: signature.count)
            #expect(try !key.publicKey.isValidSignature(constant, for: message, using: scheme))
        }
        // The context that met all these is still good, and no reason is left for the next failure on this thread.
        #expect(try key.publicKey.isValidSignature(signature, for: message, using: scheme))
        #expect(CryptoError.takeOpenSSL("x") == .openSSL(operation: "x", reason: "no reason given"))
    }

    @Test("a scheme that does not suit the key is refused", arguments: allSchemes)
    func wrongScheme(type: KeyType, scheme: SignatureScheme) throws {
        for (_, otherScheme) in allSchemes where !otherScheme.suits(type) {
            #expect(throws: CryptoError.self) { try key(type).sign([1], using: otherScheme) }
            #expect(throws: CryptoError.self) { try key(type).publicKey.isValidSignature([1], for: [1], using: otherScheme) }
        }
    }

    @Test("PKCS#1 v1.5 and PSS are not taken for each other, nor one hash for another") func rsaSchemes() throws {
        let key = try key(.rsa(bits: 2048))
        let schemes = allSchemes.filter { $0.1.suits(key.type) }.map(\.1)
        for signed in schemes {
            let signature = try key.sign([1, 2, 3], using: signed)
            for claimed in schemes {
                #expect(try key.publicKey.isValidSignature(signature, for: [1, 2, 3], using: claimed) == (signed == claimed))
            }
        }
    }

    @Test("OpenSSL's own RSA signatures verify; PSS only with the salt and MGF1 that JOSE fixes") func opensslSignatures() throws {
        let key = try PublicKey(pem: fixture("rsa-spki.pem"))
        let signatures = try JSONDecoder().decode([String: String].self, from: Data(fixture("rsa-signatures.json").utf8))
        func isValid(_ name: String, _ scheme: SignatureScheme) throws -> Bool {
            let text = try #require(signatures[name])
            let signature = try #require(Data(base64Encoded: text))
            return try key.isValidSignature(Array(signature), for: Array("message".utf8), using: scheme)
        }
        #expect(try isValid("pkcs1", .rsaPKCS1(.sha256)))
        #expect(try isValid("pssSaltOfDigestLength", .rsaPSS(.sha256)))
        for name in ["pssSaltOf20Bytes", "pssWithoutSalt", "pssLongestSalt", "pssOtherMGF1Digest", "pkcs1"] {
            #expect(try !isValid(name, .rsaPSS(.sha256)))
        }
    }

    @Test("Ed25519 signs as RFC 8032 §7.1, tests 1 to 3")
    func ed25519Vectors() throws {
        for (seed, publicKey, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
            ),
        ] {
            let key = try PrivateKey(.ed25519(publicKey: hex(publicKey), seed: hex(seed)))
            #expect(try key.sign(hex(message), using: .ed25519) == hex(signature))
            #expect(try key.publicKey.isValidSignature(hex(signature), for: hex(message), using: .ed25519))
        }
    }

    @Test("ECDSA halves: DER, zero, the group order and wrong lengths are refused", arguments: EllipticCurve.allCases)
    func ecdsaForms(curve: EllipticCurve) throws {
        let key = try key(curve.keyType)
        let scheme = try #require(allSchemes.first { $0.0 == curve.keyType }?.1)
        let signature = try key.sign([7], using: scheme)
        let half = curve.byteCount
        let converted = ECDSASignature.der(raw: signature.span, half: half)
        let der = try #require(converted)
        #expect(der.withUnsafeBytes { ECDSASignature.raw(der: $0, half: half) } == signature)
        let zero = [UInt8](repeating: 0, count: half)
        let (r, s) = (Array(signature.prefix(half)), Array(signature.suffix(half)))
        for forged in [der, zero + zero, r + zero, zero + s, s + r, r + r, [0] + r + [0] + s, r + s + r] {
            #expect(try !key.publicKey.isValidSignature(forged, for: [7], using: scheme))
        }
    }

    @Test("r‖s and DER convert for every number of leading zeros") func conversions() throws {
        for leading in 0..<32 {
            for first: UInt8 in [0x01, 0x7F, 0x80, 0xFF] {
                let number = [UInt8](repeating: 0, count: leading) + [first] + [UInt8](repeating: 0xAB, count: 31 - leading)
                let raw = number + number.reversed().map { $0 | 1 }
                let converted = ECDSASignature.der(raw: raw.span, half: 32)
                let der = try #require(converted)
                #expect(der.withUnsafeBytes { ECDSASignature.raw(der: $0, half: 32) } == raw)
                for count in 0..<der.count {
                    #expect(Array(der.prefix(count)).withUnsafeBytes { ECDSASignature.raw(der: $0, half: 32) } == nil)
                }
                #expect((der + [0]).withUnsafeBytes { ECDSASignature.raw(der: $0, half: 32) } == nil)
            }
        }
    }

    @Test("many threads share one key") func concurrency() async throws {
        for (type, scheme) in allSchemes {
            let key = try key(type)
            await withTaskGroup(of: Bool.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        (0..<20).allSatisfy { round in
                            let message: [UInt8] = [UInt8(task), UInt8(round)]
                            guard let signature = try? key.sign(message, using: scheme) else { return false }
                            let isValid = try? key.publicKey.isValidSignature(signature, for: message, using: scheme)
                            let isForged = try? key.publicKey.isValidSignature(signature, for: message + [1], using: scheme)
                            return isValid == true && isForged == false
                        }
                    }
                }
                for await isGood in group { #expect(isGood) }
            }
        }
    }
}
