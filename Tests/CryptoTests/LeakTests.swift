import Cryptography
import FoundationEssentials
import Testing

/// Runs a mixture of all operations and watches the memory of the process. `SALLYPORT_LEAK_OPERATIONS` sets how many; a million by
/// default.
@Suite("Memory") struct LeakTests {
    @Test("does not grow over a million operations") func mixture() throws {
        let operations = ProcessInfo.processInfo.environment["SALLYPORT_LEAK_OPERATIONS"].flatMap(Int.init) ?? 1_000_000
        let worker = try Worker()
        let rounds = max(operations / Worker.operationsPerRound, 20)
        // The first part lets caches and the allocator settle, and tests that run beside this one finish.
        for _ in 0..<(rounds / 4) { try worker.round() }
        let before = try residentBytes()
        for _ in (rounds / 4)..<rounds { try worker.round() }
        let growth = try residentBytes() - before
        // Losing the smallest object once a round, of a thousand operations, stays below this; losing it every time does not.
        #expect(growth < 3 << 20, "grew by \(growth) bytes over \(rounds * 3 / 4 * Worker.operationsPerRound) operations")
    }

    private func residentBytes() throws -> Int {
        let text = String(decoding: try Data(contentsOf: URL(filePath: "/proc/self/statm")), as: UTF8.self)
        let fields = text.split(separator: " ")
        return try #require(fields.count > 1 ? Int(fields[1]) : nil) * 4096
    }

    private struct Worker {
        static let operationsPerRound = 1000

        let ecdsa: PrivateKey
        let edDSA: PrivateKey
        let rsa: PrivateKey
        let rsaSignature: [UInt8]
        let hmac: HMAC
        let sealing: SealingKey
        let pem: String
        let rsaDER: [UInt8]
        let message = [UInt8](repeating: 7, count: 200)

        init() throws {
            ecdsa = try PrivateKey.generate(.p256)
            edDSA = try PrivateKey.generate(.ed25519)
            rsa = try PrivateKey.generate(.rsa(bits: 2048))
            rsaSignature = try rsa.sign(message, using: .rsaPSS(.sha256))
            hmac = try HMAC(key: SecureRandom.bytes(32))
            sealing = try SealingKey.generate()
            pem = try ecdsa.pemRepresentation
            rsaDER = try rsa.pkcs8DER
        }

        func round() throws {
            for _ in 0..<400 { _ = SHA256.hash(message) }
            for _ in 0..<300 { _ = try hmac.authenticate(message) }
            for _ in 0..<164 { _ = SecureRandom.bytes(16) }
            for _ in 0..<50 { _ = try sealing.open(sealing.seal(message)) }
            for _ in 0..<3 {
                let signature = try ecdsa.sign(message, using: .ecdsaP256SHA256)
                #expect(try ecdsa.publicKey.isValidSignature(signature, for: message, using: .ecdsaP256SHA256))
            }
            for _ in 0..<2 {
                let signature = try edDSA.sign(message, using: .ed25519)
                #expect(try edDSA.publicKey.isValidSignature(signature, for: message, using: .ed25519))
            }
            for _ in 0..<5 { #expect(try rsa.publicKey.isValidSignature(rsaSignature, for: message, using: .rsaPSS(.sha256))) }
            try keys()
            try failures()
        }

        /// 11 operations.
        private func keys() throws {
            _ = try PrivateKey(pem: pem)
            _ = try PrivateKey(trustedPKCS8DER: rsaDER).sign(message, using: .rsaPKCS1(.sha256))
            for _ in 0..<4 {
                let copy = try PublicKey(ecdsa.publicKey.components)
                _ = try copy.isValidSignature([], for: message, using: .ecdsaP256SHA256)
            }
            _ = try PrivateKey(edDSA.components)
            _ = try PublicKey(pem: ecdsa.publicKey.pemRepresentation)
            _ = try PrivateKey.generate(.ed25519)
        }

        /// 10 operations that fail.
        private func failures() throws {
            for _ in 0..<5 { #expect(throws: CryptoError.self) { try sealing.open([1] + sealing.identifier + message) } }
            for _ in 0..<3 { #expect(throws: CryptoError.self) { try PrivateKey(pkcs8DER: message) } }
            #expect(throws: CryptoError.self) { try PublicKey(curve: .p256, x: Array(message.prefix(32)), y: Array(message.prefix(32))) }
            #expect(throws: CryptoError.self) { try PrivateKey(pem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----") }
        }
    }
}
