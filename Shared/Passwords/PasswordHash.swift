/// A stored password hash, parsed and found affordable to verify.
///
/// Our own are PHC strings, `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. Read as well are
///
/// | from | text |
/// | --- | --- |
/// | PHC | `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, `$argon2i$…` |
/// | bcrypt | `$2a$cost$…`, `$2b$…`, `$2y$…`; 72 bytes of a password count |
/// | Django | `argon2$argon2id$…`, `pbkdf2_sha256$iterations$salt$hash`, `pbkdf2_sha1$…`, `scrypt$N$salt$r$p$hash`, `bcrypt$$2b$…`, `bcrypt_sha256$$2b$…` |
/// | Werkzeug | `pbkdf2:sha256:iterations$salt$hash`, also sha1 and sha512; `scrypt:N:r:p$salt$hash` |
/// | passlib | `$pbkdf2-sha256$rounds$salt$hash`, `$pbkdf2-sha512$…`, `$pbkdf2$…` |
///
/// Werkzeug verifies a hash without iterations with whatever its own version's default is; it never writes such a one, and here it is
/// refused.
public struct PasswordHash: Sendable, Hashable {
    /// As it was given: what to store.
    public let text: String
    let scheme: Scheme

    /// - Throws: for anything but the formats above, and for costs that would make a sign-in a denial of service: more than 1 GiB, 64 passes,
    ///   64 lanes or 4 GiB in all for Argon2, 10 million iterations, 256 MiB for scrypt, 2¹⁶ rounds of bcrypt.
    public init(_ text: String) throws(PasswordHashError) {
        scheme = try HashParser.parse(text)
        self.text = text
    }

    /// Whether it should be replaced when the password is next seen: anything but Argon2id of at least this memory and these passes.
    public func needsUpgrade(to parameters: PasswordParameters) -> Bool {
        guard case .argon2(let argon2) = scheme, argon2.variant == .argon2id else { return true }
        return argon2.memoryKiB < parameters.memoryKiB || argon2.passes < parameters.passes
    }

    public static func == (a: PasswordHash, b: PasswordHash) -> Bool { a.text == b.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// Not even a hash belongs into a log.
extension PasswordHash: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        switch scheme {
        case .argon2(let argon2): "password hash (\(argon2.variant.rawValue))"
        case .pbkdf2: "password hash (PBKDF2)"
        case .scrypt: "password hash (scrypt)"
        case .bcrypt: "password hash (bcrypt)"
        }
    }

    public var debugDescription: String { description }
}
