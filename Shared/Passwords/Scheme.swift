internal import Cryptography

/// How a stored hash was made.
enum Scheme: Sendable {
    case argon2(Argon2Hash)
    case pbkdf2(PBKDF2.Hash, iterations: Int, salt: [UInt8], hash: [UInt8])
    case scrypt(Scrypt.Parameters, salt: [UInt8], hash: [UInt8])
    case bcrypt(BCryptHash)
}

struct Argon2Hash: Sendable {
    enum Variant: String, Sendable {
        case argon2i
        case argon2id
    }

    var variant: Variant
    var memoryKiB: Int
    var passes: Int
    /// The PHC string itself, in canonical form: libsodium reads it again.
    var phc: String
}

struct BCryptHash: Sendable {
    /// log₂ of the rounds.
    var cost: Int
    /// 22 characters of bcrypt's own base64.
    var salt: String
    /// 31 characters.
    var hash: String
    /// The password is the lower-case hex of its SHA-256, as Django does to escape the limit of 72 bytes.
    var isPrehashed: Bool
}
