import Testing

@testable import Cryptography

@Suite("Sealing, AES-256-GCM") struct SealingTests {
    private let key: SealingKey

    init() throws {
        key = try SealingKey(Array(0..<32))
    }

    @Test("opens what it sealed", arguments: [0, 1, 15, 16, 17, 32, 1000, 100_000]) func roundTrip(count: Int) throws {
        let plaintext = SecureRandom.bytes(count)
        for data in [[], [1, 2, 3]] as [[UInt8]] {
            let sealed = try key.seal(plaintext, authenticating: data)
            #expect(sealed.count == count + SealingKey.overheadBytes)
            #expect(try key.open(sealed, authenticating: data) == plaintext)
        }
    }

    @Test("has the layout that is documented") func layout() throws {
        let identifier = Array(SHA256.hash(Array(0..<32)).prefix(4))
        let sealed = try key.seal([1, 2, 3])
        #expect(sealed[0] == 1)
        #expect(Array(sealed[1..<5]) == identifier)
        #expect(key.identifier == identifier)
        #expect(SealingKey.identifier(of: sealed) == identifier)
        #expect(SealingKey.identifier(of: Array(sealed.prefix(32))) == nil)
        #expect(SealingKey.identifier(of: [2] + sealed.dropFirst()) == nil)
    }

    @Test("encrypts as the GCM specification's test case 16") func publishedVector() throws {
        let key = try SealingKey(hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let data = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        let plaintext = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let sealed = try key.encrypt(
            plaintext, header: Array(data.prefix(5)), nonce: hex("cafebabefacedbaddecaf888"), data: Array(data.dropFirst(5)))
        #expect(
            Array(sealed.dropFirst(17))
                == hex(
                    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                        + "76fc6ece0f4e1768cddf8853bb2d551b"))
        #expect(try key.decrypt(sealed, data: Array(data.dropFirst(5))) == plaintext)
    }

    @Test("never seals to the same bytes twice") func fresh() throws {
        let sealed = try (0..<100).map { _ in try key.seal([1]) }
        #expect(Set(sealed).count == 100)
    }

    @Test("refuses a change of any single bit") func tampering() throws {
        let sealed = try key.seal([1, 2, 3], authenticating: [9])
        for index in sealed.indices {
            for bit in 0..<8 {
                var changed = sealed
                changed[index] ^= 1 << bit
                #expect(throws: CryptoError.authenticationFailed) { try key.open(changed, authenticating: [9]) }
            }
        }
        #expect(try key.open(sealed, authenticating: [9]) == [1, 2, 3])
    }

    @Test("refuses every shorter or longer message, other data and another key") func nearMisses() throws {
        let sealed = try key.seal([1, 2, 3], authenticating: [9])
        for count in 0..<sealed.count {
            #expect(throws: CryptoError.authenticationFailed) { try key.open(Array(sealed.prefix(count)), authenticating: [9]) }
        }
        #expect(throws: CryptoError.authenticationFailed) { try key.open(sealed + [0], authenticating: [9]) }
        for data in [[], [8], [9, 0]] as [[UInt8]] {
            #expect(throws: CryptoError.authenticationFailed) { try key.open(sealed, authenticating: data) }
        }
        let other = try SealingKey(Array(1...32))
        #expect(throws: CryptoError.authenticationFailed) { try other.open(sealed, authenticating: [9]) }
        let disguised = [sealed[0]] + other.identifier + sealed.dropFirst(5)
        #expect(throws: CryptoError.authenticationFailed) { try other.open(disguised, authenticating: [9]) }
    }

    @Test("takes keys of 32 bytes only", arguments: [0, 16, 31, 33, 64]) func keyLength(count: Int) {
        #expect(throws: CryptoError.self) { try SealingKey([UInt8](repeating: 0, count: count)) }
    }

    @Test("prints nothing of the key") func description() {
        #expect("\(SecretBytes([65, 66, 67]))" == "3 secret bytes")
        #expect(!"\(key)".contains("0, 1, 2, 3, 4, 5, 6, 7, 8"))
    }
}
