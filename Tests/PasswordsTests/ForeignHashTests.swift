import Testing

@testable import Passwords

@Suite("Hashes from elsewhere") struct ForeignHashTests {
    private let memory = HashMemory(kiB: 0)

    @Test("match their password and no near miss", arguments: ForeignHash.all)
    func matches(foreign: ForeignHash) throws {
        let hash = try PasswordHash(foreign.text)
        #expect(hash.text == foreign.text)
        // bcrypt cannot hold a NUL, and ends after 72 bytes: the near miss at the front is one for all.
        #expect(try hash.matches(Array(foreign.password.utf8), memory: memory))
        #expect(try !hash.matches(Array(("z" + foreign.password.dropFirst() + "y").utf8), memory: memory))
    }

    @Test("made with cheap parameters refuse near misses one by one")
    func nearMisses() throws {
        for foreign in ForeignHash.all where foreign.password.hasPrefix("Tr0ub") && foreign.text.contains("3000$") {
            let hash = try PasswordHash(foreign.text)
            for miss in [
                "", "tr0ub4dor & 3 Pferde", "Tr0ub4dor & 3 Pferde ", "Tr0ub4dor & 3 Pferd", "Tr0ub4dor & 3  Pferde",
            ] {
                #expect(try !hash.matches(Array(miss.utf8), memory: memory), "\(foreign.origin)")
            }
        }
    }

    @Test("a composed and a decomposed letter are two passwords") func normalization() throws {
        let foreign = try #require(ForeignHash.all.first { $0.password.contains("Ü") })
        let decomposed = foreign.password.replacing("Ü", with: "U\u{308}")
        #expect(decomposed == foreign.password)
        #expect(try !PasswordHash(foreign.text).matches(Array(decomposed.utf8), memory: memory))
    }

    @Test("a change in the hash, the salt or a cost makes them wrong") func changed() throws {
        let (password, text) = ("a\0b", try #require(ForeignHash.all.last { $0.text.hasPrefix("$argon2id") }).text)
        let salt = try #require(text.split(separator: "$").dropLast().last)
        let hash = try #require(text.split(separator: "$").last)
        for (old, new) in [
            ("t=1", "t=2"), ("m=64", "m=65"), (String(salt), "A" + salt.dropFirst()), (String(hash), "A" + hash.dropFirst()),
        ] {
            let changed = try PasswordHash(text.replacing(old, with: new))
            #expect(try !changed.matches(Array(password.utf8), memory: memory))
        }
        #expect(try PasswordHash(text).matches(Array(password.utf8), memory: memory))
    }

    @Test("bcrypt counts 72 bytes, refuses NUL, and takes 2a, 2b and 2y for one") func bcrypt() throws {
        let long = try #require(ForeignHash.all.first { $0.origin == "bcrypt 5.0.0, 72 bytes" })
        let password = Array(long.password.utf8)
        for variant in ["$2a$", "$2b$", "$2y$"] {
            let hash = try PasswordHash(long.text.replacing("$2b$", with: variant))
            #expect(try hash.matches(password, memory: memory))
            #expect(try hash.matches(password + [0x79], memory: memory))
            #expect(try !hash.matches(Array(password.dropLast()), memory: memory))
            #expect(try !hash.matches(password + [0], memory: memory))
        }
    }

    @Test("all but Argon2id of enough memory and passes need an upgrade", arguments: ForeignHash.all)
    func upgrade(foreign: ForeignHash) throws {
        let isStrong = ["$m=102400,t=2,p=8$", "$m=65536,t=3,p=4$", "$m=19456,t=2,p=1$"].contains { foreign.text.contains($0) }
        #expect(try PasswordHash(foreign.text).needsUpgrade(to: .recommended) == !isStrong)
    }

    @Test(
        "more memory or more passes alone is not enough",
        arguments: [(19456, 2, false), (19455, 2, true), (19456, 1, true), (65536, 1, true), (19456, 3, false), (4096, 9, true)])
    func upgrade(memory: Int, passes: Int, isDue: Bool) throws {
        let salt = "c29tZXNhbHQwMTIzNDU2Nw"
        for variant in ["argon2id", "argon2i"] {
            let hash = try PasswordHash("$\(variant)$v=19$m=\(memory),t=\(passes),p=1$\(salt)$\(salt)")
            #expect(hash.needsUpgrade(to: .recommended) == (isDue || variant == "argon2i"))
        }
    }
}
