import Cryptography

enum SealingKeyForTests {
    static func make() throws -> SealingKey { try SealingKey.generate() }
}
