import Cryptography
import FoundationEssentials
import Testing

@testable import Passwords

@Suite("Password policy") struct PolicyTests {
    @Test(
        "names what is wrong, and finds nothing wrong with good passwords",
        arguments: [
            ("", .tooShort(minimum: 12)), ("elevenchars", .tooShort(minimum: 12)), ("twelve chars", nil),
            ("🔐🐎🔋📎🌻🚀🎲🧲🪁🧵🪀", .tooShort(minimum: 12)),
            ("🔐🐎🔋📎🌻🚀🎲🧲🪁🧵🪀🧶", nil), (String(repeating: "kd8 fjw0", count: 32), nil),
            (String(repeating: "kd8 fjw0", count: 32) + "x", .tooLong(maximum: 256)),
            ("kd8fjw0\tqmz4ht", .containsControlCharacter), ("kd8fjw0\0qmz4ht", .containsControlCharacter),
            ("my-jane.doe-2019x", .containsEmail), ("xxJANE.DOExx93kd", .containsEmail), ("jane-doe-and-fred", nil),
            ("Acme Corporation", .isTenantName), ("acme-corporation!!", .isTenantName), ("acme corporation rules", nil),
            ("password1234", .common), ("P@ssw0rd2024!", .common), ("passwordpassword", .common), ("Welcome12345!", .common),
            ("qwertyuiop123", .common), ("1qaz2wsx3edc", .common), ("123456789012", .common), ("aaaaaaaaaaaa", .common),
            ("abcabcabcabc", .common),
            ("abcdefghijklm", .common), ("zyxwvutsrqpon", .common), ("correct horse battery staple", .common), ("iloveyou2023!!", .common),
            ("LetMeInPlease1", .common), ("admin@admin123", .common), ("1q2w3e4r5t6y", .common), ("mustangferrari", .common),
            ("vellum otter kayak", nil), ("Xk9#mQ2$vL7p", nil), ("Schraubenzieher", nil), ("zinc-lagoon-47-moth", nil),
        ] as [(String, PasswordWeakness?)])
    func weaknesses(password: String, expected: PasswordWeakness?) async throws {
        let policy = try PasswordPolicy()
        let context = PasswordPolicy.Context(email: "Jane.Doe@example.com", tenantNames: ["acme-corporation", "Acme Corporation"])
        #expect(try await policy.weakness(of: password, in: context) == expected)
    }

    @Test("without context only the password counts") func noContext() async throws {
        #expect(try await PasswordPolicy().weakness(of: "my-jane.doe-2019x") == nil)
        let short = PasswordPolicy.Context(email: "jd@example.com", tenantNames: [""])
        #expect(try await PasswordPolicy().weakness(of: "kjd8fjw0qmz4", in: short) == nil)
    }

    @Test("the minimum is 8 to 256", arguments: [(7, false), (8, true), (15, true), (256, true), (257, false), (0, false)])
    func minimum(length: Int, isValid: Bool) throws {
        if isValid {
            #expect(try PasswordPolicy(minimumLength: length).minimumLength == length)
        } else {
            #expect(throws: PasswordPolicy.InvalidLength.self) { try PasswordPolicy(minimumLength: length) }
        }
    }

    @Test("each weakness is a sentence") func sentences() {
        let all: [PasswordWeakness] = [
            .tooShort(minimum: 8), .tooLong(maximum: 256), .containsControlCharacter, .containsEmail, .isTenantName, .common, .breached,
        ]
        #expect(Set(all.map(\.description)).count == all.count)
        #expect(all.allSatisfy { $0.description.hasSuffix(".") })
    }
}

@Suite("Lists of breached passwords") struct BreachedPasswordsTests {
    private func withFile(_ contents: String, _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "breached-\(UUID().uuidString).txt").path
        try Data(contents.utf8).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private func hex(_ password: String) throws -> String {
        String(decoding: HashText.lowerHex(try SHA1.hash(Array(password.utf8))), as: UTF8.self)
    }

    @Test("plain lists know their lines, with either line end, and nothing near them", arguments: ["\n", "\r\n"])
    func plain(newline: String) async throws {
        try await withFile(["hunter2hunter2", "", "pass word ü", "last one here"].joined(separator: newline)) { path in
            let list = try BreachedPasswords(file: path)
            for password in ["hunter2hunter2", "pass word ü", "last one here"] { #expect(try await list.contains(password)) }
            for password in ["", "hunter2hunter", "Hunter2hunter2", "hunter2hunter2\r", "last one her"] {
                #expect(try await !list.contains(password))
            }
            let policy = try PasswordPolicy(breached: list)
            #expect(try await policy.weakness(of: "hunter2hunter2") == .breached)
            #expect(try await policy.weakness(of: "hunter3hunter2") == nil)
        }
    }

    @Test("sorted hashes are found in lists of every size", arguments: [1, 2, 3, 7, 64, 1000], ["\n", "\r\n"])
    func sorted(count: Int, newline: String) async throws {
        let lines = try (0..<count).map { try hex("password number \($0)").uppercased() + ($0.isMultiple(of: 3) ? "" : ":\($0 * 7919)") }
            .sorted()
        for end in ["", newline] {
            try await withFile(lines.joined(separator: newline) + end) { path in
                let list = try BreachedPasswords(file: path)
                for number in 0..<count { #expect(try await list.contains("password number \(number)"), "\(number) of \(count)") }
                for number in count..<(count + 50) { #expect(try await !list.contains("password number \(number)")) }
            }
        }
    }

    @Test("lower-case hex is read too") func lowerCase() async throws {
        try await withFile(try ["a", "b", "c"].map { try hex($0) }.sorted().joined(separator: "\n")) { path in
            let list = try BreachedPasswords(file: path)
            #expect(try await list.contains("b"))
        }
    }

    @Test("unsorted, broken, empty and missing lists are refused") func refused() async throws {
        let lines = try (0..<500).map { try hex("p\($0)") }.sorted()
        for contents in [lines.reversed().joined(separator: "\n"), ([lines[0]] + ["no hash"]).joined(separator: "\n"), "", "\n\n"] {
            try await withFile(contents) { path in
                #expect(throws: BreachedPasswords.Failure.self) { try BreachedPasswords(file: path) }
            }
        }
        #expect(throws: BreachedPasswords.Failure.self) { try BreachedPasswords(file: "/nonexistent/list") }
        #expect(throws: BreachedPasswords.Failure.self) { try BreachedPasswords(file: "/tmp") }
    }
}
