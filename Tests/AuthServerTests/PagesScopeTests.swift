import FoundationEssentials
import Testing

@testable import AuthServer

@Suite("Scopes in words") struct PagesScopeTests {
    @Test(
        "Each scope is a sentence, and what reaches far is marked",
        arguments: [
            ("openid", "Know who you are", false), ("offline_access", "Keep this access while you are away, until you withdraw it", false),
            ("customers:read", "Read customers", false), ("order_items:write", "Add and change order items", false),
            ("customers:delete", "Delete customers", true), ("orders:*", "Read, add, change and delete orders", true),
            ("*:read", "Read all data that you can read", false), ("*:write", "Add and change all data that you can change", true),
            ("*:delete", "Delete any data that you can delete", true),
            ("*:*", "Do everything that you can do: read, change and delete all data", true),
            ("report:execute", "Run the function report", false), ("admin:*", "Administer the whole organization on your behalf", true),
            ("admin:users", "Administer users on your behalf", true), ("customers:reads", "Use the permission customers:reads", false),
            ("vendor", "Use the permission vendor", false), (":read", "Use the permission :read", false),
        ]) func sentence(_ scope: String, _ words: String, _ isFarReaching: Bool) throws
    {
        let found = try #require(ScopeWords.describe([scope]).first)
        #expect(Self.plain(found.sentence) == words)
        #expect(found.isFarReaching == isFarReaching)
    }

    @Test("What reaches far comes last, nothing twice, and nothing that another says better") func order() {
        let words = ScopeWords.describe(["orders:delete", "*:read", "offline_access", "email", "customers:read", "*:*", "openid", "openid"])
            .map { Self.plain($0.sentence) }
        #expect(
            words == [
                "Know who you are", "See your email address", "Read customers",
                "Keep this access while you are away, until you withdraw it",
                "Do everything that you can do: read, change and delete all data", "Delete orders",
            ])
    }

    private static func plain(_ markup: HTML) -> String {
        var result = ""
        var isTag = false
        for character in String(decoding: markup.bytes, as: UTF8.self) {
            if character == "<" { isTag = true } else if character == ">" { isTag = false } else if !isTag { result.append(character) }
        }
        return result
    }
}
