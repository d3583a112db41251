import Testing

@testable import Passwords

@Suite("Parsing stored hashes") struct PasswordHashTests {
    private static let salt = "c29tZXNhbHQwMTIzNDU2Nw"
    private static let hash32 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    private static let bcrypt = "abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234"
    private static let hex64 = String(repeating: "0f", count: 64)
    private static let base64of64 = String(repeating: "A", count: 86) + "=="

    @Test(
        "anything but a known format is refused",
        arguments: [
            "", "$", "$$", "password", "plain$password", "md5$salt$0123", "sha256$salt$0123", "$1$salt$hash", "$6$salt$hash", "$argon2$x",
            "$argon2d$v=19$m=64,t=1,p=1$\(salt)$\(hash32)", "argon2$argon2d$v=19$m=64,t=1,p=1$\(salt)$\(hash32)", "$2x$10$\(bcrypt)",
            "$2$10$\(bcrypt)", "bcrypt$2b$10$\(bcrypt)", "pbkdf2_sha512$1$a$AA==", "pbkdf2$a$00", "{SSHA}abc", "!", "!abc",
            "$pbkdf2-md5$1$a$b",
        ])
    func unrecognized(text: String) {
        #expect(throws: PasswordHashError.unrecognized) { try PasswordHash(text) }
    }

    @Test(
        "known formats are read strictly",
        arguments: [
            "$argon2id$v=19$m=64,t=1,p=1$\(salt)", "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32)$",
            "$argon2id$m=64,t=1,p=1$\(salt)$\(hash32)",
            "$argon2id$v=16$m=64,t=1,p=1$\(salt)$\(hash32)", "$argon2id$v=19$t=1,m=64,p=1$\(salt)$\(hash32)",
            "$argon2id$v=19$m=64,t=1$\(salt)$\(hash32)", "$argon2id$v=19$m=64,t=1,p=1,x=1$\(salt)$\(hash32)",
            "$argon2id$v=19$m=064,t=1,p=1$\(salt)$\(hash32)", "$argon2id$v=19$m=+64,t=1,p=1$\(salt)$\(hash32)",
            "$argon2id$v=19$m=64,t=0,p=1$\(salt)$\(hash32)", "$argon2id$v=19$m=64,t=1,p=0$\(salt)$\(hash32)",
            "$argon2id$v=19$m=63,t=1,p=8$\(salt)$\(hash32)", "$argon2id$v=19$m=-64,t=1,p=1$\(salt)$\(hash32)",
            "$argon2id$v=19$m=99999999999,t=1,p=1$\(salt)$\(hash32)", "$argon2id$v=19$m=64,t=1,p=1$\(salt)==$\(hash32)",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$\(hash32)", "$argon2id$v=19$m=64,t=1,p=1$\(salt)$AAAA",
            "$argon2id$v=19$m=64,t=1,p=1$\(salt)$",
            "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32.dropLast())B", "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32.dropLast())*",
            "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32)\n", " $argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32)",
            "$argon2id$v=19$m=64,t=1,p=1$\(salt)$\(hash32)\0", "$argon2id$v=19$m=64,t=1,p=1$\(salt)$é\(hash32)",
            "$2b$10$\(bcrypt)a", "$2b$10$\(bcrypt.dropLast())", "$2b$10$\(bcrypt.dropLast())+", "$2b$1$\(bcrypt)", "$2b$03$\(bcrypt)",
            "$2b$+9$\(bcrypt)",
            "$2b$10$\(bcrypt)$", "bcrypt$$2c$10$\(bcrypt)", "bcrypt_sha256$$2b$10$", "pbkdf2_sha256$0$salt$\(hash32)=",
            "pbkdf2_sha256$1000$$\(hash32)=", "pbkdf2_sha256$1000$salt$\(hash32)", "pbkdf2_sha256$x$salt$\(hash32)=",
            "pbkdf2_sha1$1000$salt$\(hash32)=",
            "pbkdf2_sha256$1000$salt", "pbkdf2_sha256$1000$salt$\(hash32)=$", "$pbkdf2-sha256$1000$\(salt)$\(hash32)=",
            "$pbkdf2-sha256$1000$+\(salt.dropFirst())$\(hash32)", "$pbkdf2-sha256$1000$$\(hash32)",
            "pbkdf2:sha256$salt$\(hex64.prefix(64))",
            "pbkdf2:sha256:1000$salt$\(hex64.prefix(63))", "pbkdf2:sha256:1000$salt$\(hex64.prefix(62))",
            "pbkdf2:md5:1000$salt$\(hex64.prefix(32))",
            "pbkdf2:sha256:1000:1$salt$\(hex64.prefix(64))", "pbkdf2:sha256:1000$$\(hex64.prefix(64))",
            "pbkdf2:sha256:1000$salt$\(hex64.prefix(62))xy",
            "scrypt:32768:8$salt$\(hex64)", "scrypt:32767:8:1$salt$\(hex64)", "scrypt:0:8:1$salt$\(hex64)", "scrypt:1:8:1$salt$\(hex64)",
            "scrypt:32768:0:1$salt$\(hex64)", "scrypt:32768:8:0$salt$\(hex64)", "scrypt:32768:8:1$$\(hex64)",
            "scrypt:32768:8:1$salt$\(hex64.dropLast(2))",
            "scrypt$16384$salt$8$\(base64of64)", "scrypt$16384$salt$8$5$\(base64of64.dropLast(2))", "scrypt$16383$salt$8$5$\(base64of64)",
            "$2b$10$" + String(repeating: "a", count: 1100),
        ])
    func malformed(text: String) throws {
        let error = #expect(throws: PasswordHashError.self) { try PasswordHash(text) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "a cost at the limit is read, one beyond it is refused",
        arguments: [
            ("$argon2id$v=19$m=1048576,t=4,p=1$\(salt)$\(hash32)", "$argon2id$v=19$m=1048577,t=1,p=1$\(salt)$\(hash32)"),
            ("$argon2id$v=19$m=64,t=64,p=1$\(salt)$\(hash32)", "$argon2id$v=19$m=64,t=65,p=1$\(salt)$\(hash32)"),
            ("$argon2i$v=19$m=1048576,t=4,p=1$\(salt)$\(hash32)", "$argon2i$v=19$m=1048576,t=5,p=1$\(salt)$\(hash32)"),
            ("$argon2id$v=19$m=1024,t=1,p=64$\(salt)$\(hash32)", "$argon2id$v=19$m=1024,t=1,p=65$\(salt)$\(hash32)"),
            ("$2b$16$\(bcrypt)", "$2b$17$\(bcrypt)"), ("bcrypt$$2b$16$\(bcrypt)", "bcrypt$$2b$31$\(bcrypt)"),
            ("pbkdf2_sha256$10000000$s$\(hash32)=", "pbkdf2_sha256$10000001$s$\(hash32)="),
            ("$pbkdf2-sha256$10000000$\(salt)$\(hash32)", "$pbkdf2-sha256$9999999999$\(salt)$\(hash32)"),
            ("pbkdf2:sha256:10000000$s$\(hex64.prefix(64))", "pbkdf2:sha256:10000001$s$\(hex64.prefix(64))"),
            ("scrypt:262144:8:1$s$\(hex64)", "scrypt:524288:8:1$s$\(hex64)"),
            ("scrypt:32768:8:8$s$\(hex64)", "scrypt:32768:8:9$s$\(hex64)"),
            ("scrypt$16384$s$8$16$\(base64of64)", "scrypt$16384$s$8$17$\(base64of64)"),
            ("scrypt:2:1:1$s$\(hex64)", "scrypt:8589934592:9999999999:9999999999$s$\(hex64)"),
        ])
    func costs(atLimit: String, beyond: String) throws {
        #expect(try PasswordHash(atLimit).text == atLimit)
        let error = #expect(throws: PasswordHashError.self) { try PasswordHash(beyond) }
        guard case .excessive = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("neither a description nor an error shows salt or hash") func descriptions() throws {
        for foreign in ForeignHash.all {
            let hash = try PasswordHash(foreign.text)
            let tail = try #require(foreign.text.split(separator: "$").last)
            #expect(!"\(hash) \(String(reflecting: hash))".contains(tail))
        }
        #expect(!"\(PasswordHashError.unrecognized)".isEmpty)
    }

    @Test("base64 survives every length") func base64() {
        for count in 0...70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 251) }
            #expect(HashText.base64(HashText.base64(bytes)[...], isPadded: false) == bytes)
        }
        for text in ["A", "AB", "AAB", "AAAAA", "A=", "AA=="] { #expect(HashText.base64(text[...], isPadded: false) == nil) }
        for text in ["AA", "AA=", "A===", "AA==AA==", "====", "AB=="] { #expect(HashText.base64(text[...], isPadded: true) == nil) }
    }
}
