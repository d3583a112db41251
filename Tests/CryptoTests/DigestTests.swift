import Cryptography
import Testing

@Suite("Digests, FIPS 180-4") struct DigestTests {
    @Test(
        "published vectors",
        arguments: [
            (.sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                .sha384, "abc",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
            ),
            (
                .sha512, "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ] as [(Digest, String, String)])
    func vectors(digest: Digest, message: String, hash: String) {
        #expect(digest.hash(message) == hex(hash))
        #expect(digest.hash(Array(message.utf8)) == hex(hash))
        let bytes = Array(message.utf8)
        let borrowed = digest.hash(bytes.span)
        #expect(borrowed == hex(hash))
        #expect(hex(hash).count == digest.byteCount)
    }

    @Test("a million letters a, from a string") func million() {
        let hash = hex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        #expect(SHA256.hash(String(repeating: "a", count: 1_000_000)) == hash)
    }

    @Test("every algorithm is there") func prepared() throws {
        try CryptoLibrary.prepare()
        #expect(CryptoLibrary.version.hasPrefix("OpenSSL 3."))
    }
}

@Suite("HMAC, RFC 4231") struct HMACTests {
    private static let longKey = [UInt8](repeating: 0xAA, count: 131)

    @Test(
        "published vectors",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There", .sha256,
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?", .sha256,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?", .sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?", .sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            ),
            (
                longKey, "Test Using Larger Than Block-Size Key - Hash Key First", .sha256,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ] as [([UInt8], String, Digest, String)])
    func vectors(key: [UInt8], message: String, digest: Digest, tag: String) throws {
        let hmac = try HMAC(key: key, digest: digest)
        for _ in 0..<3 { #expect(try hmac.authenticate(Array(message.utf8)) == hex(tag)) }
        #expect(try hmac.isValid(hex(tag), for: Array(message.utf8)))
        #expect(try !hmac.isValid(hex(tag).dropLast(), for: Array(message.utf8)))
        #expect(try !hmac.isValid([], for: Array(message.utf8)))
        for index in [0, digest.byteCount - 1] {
            var changed = hex(tag)
            changed[index] ^= 1
            #expect(try !hmac.isValid(changed, for: Array(message.utf8)))
        }
    }

    @Test("the empty message has a tag") func emptyMessage() throws {
        let tag = try HMAC(key: [1]).authenticate([UInt8]())
        #expect(tag.count == 32)
        #expect(try HMAC(key: [2]).authenticate([UInt8]()) != tag)
    }

    @Test("an empty key is refused") func emptyKey() {
        #expect(throws: CryptoError.invalidKey("an HMAC key cannot be empty")) { try HMAC(key: [UInt8]()) }
    }
}

extension HMAC {
    fileprivate func isValid(_ tag: ArraySlice<UInt8>, for message: [UInt8]) throws -> Bool {
        try isValid(Array(tag), for: message)
    }
}

@Suite("Random bytes and comparison") struct RandomTests {
    @Test("random bytes have the length asked for and differ") func random() {
        #expect(SecureRandom.bytes(0).isEmpty)
        #expect(SecureRandom.bytes(1).count == 1)
        let drawn = (0..<1000).map { _ in SecureRandom.bytes(16) }
        #expect(Set(drawn).count == 1000)
        #expect(drawn.allSatisfy { $0.count == 16 })
    }

    @Test(
        "equal only if every byte is",
        arguments: [
            ([], [], true), ([1], [1], true), ([1], [], false), ([], [1], false), ([1, 2], [1, 3], false), ([0, 2], [1, 2], false),
            ([1, 2], [1, 2, 0], false),
        ] as [([UInt8], [UInt8], Bool)])
    func comparison(a: [UInt8], b: [UInt8], isEqual: Bool) {
        #expect(constantTimeEqual(a, b) == isEqual)
    }
}
