import Cryptography
import Testing

@Suite("PBKDF2 and scrypt") struct KeyDerivationTests {
    @Test(
        "RFC 6070 and RFC 7914 §11",
        arguments: [
            (.sha1, "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (.sha1, "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
            (
                .sha1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
                "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"
            ),
            (.sha1, "pass\0word", "sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
            (
                .sha256, "passwd", "salt", 1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
            ),
        ] as [(PBKDF2.Hash, String, String, Int, String)])
    func pbkdf2(hash: PBKDF2.Hash, password: String, salt: String, iterations: Int, key: String) throws {
        let derived = try PBKDF2.derive(
            password: Array(password.utf8), salt: Array(salt.utf8), iterations: iterations, byteCount: hex(key).count, hash: hash)
        #expect(derived == hex(key))
    }

    @Test("RFC 7914 §12") func scrypt() throws {
        let key = try Scrypt.derive(
            password: [], salt: [], parameters: .init(cost: 16, blockSize: 1, parallelization: 1), byteCount: 16,
            maximumMemoryBytes: 1 << 20)
        #expect(key == hex("77d6576238657b203b19ca42c18a0497"))
    }

    @Test("numbers out of range are refused") func refused() {
        for (iterations, count) in [(0, 20), (-1, 20), (1, 0), (1 << 40, 20)] {
            #expect(throws: CryptoError.self) {
                try PBKDF2.derive(password: [1], salt: [1], iterations: iterations, byteCount: count, hash: .sha256)
            }
        }
        for (cost, memory) in [(3, 1 << 20), (0, 1 << 20), (-2, 1 << 20), (1 << 20, 1 << 20)] {
            #expect(throws: CryptoError.self) {
                try Scrypt.derive(
                    password: [1], salt: [1], parameters: .init(cost: cost, blockSize: 8, parallelization: 1), byteCount: 16,
                    maximumMemoryBytes: memory)
            }
        }
    }
}
