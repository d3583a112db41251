import OAuth
import Testing

@Suite("Scopes, RFC 6749 §3.3") struct ScopeTests {
    @Test(
        "What is asked for meets what is allowed",
        arguments: [
            ("customers:read", "customers:read", "customers:read"),
            ("customers:read", "*:read", "customers:read"),
            ("*:read", "customers:read orders:read orders:write", "customers:read orders:read"),
            ("*:read", "orders:*", "orders:read"),
            ("*:*", "customers:read", "customers:read"),
            ("*:*", "admin:read", ""),
            ("*:read", "admin:read", ""),
            ("*:*", "admin:*", ""),
            ("admin:*", "*:*", ""),
            ("admin:*", "admin:read", "admin:read"),
            ("*:* admin:*", "admin:users customers:read", "admin:users customers:read"),
            ("*:*", "administrators:read", "administrators:read"),
            ("*", "customers:read", ""),
            ("openid", "openid *:read", "openid"),
            ("openid", "*:*", ""),
            ("customers:read", "customers:write", ""),
            ("customers:read", "customer:read", ""),
            ("customers:read", "customers:reads", ""),
            ("customers:read secrets:read", "customers:read", "customers:read"),
            ("", "customers:read", ""),
        ])
    func intersection(asked: String, allowed: String, granted: String) throws {
        let asked = try ScopeSet(parsing: asked)
        let allowed = try ScopeSet(parsing: allowed)
        #expect(asked.intersection(allowed).description == granted)
        #expect(allowed.intersection(asked).description == granted)
    }

    @Test(
        "A wildcard allows on its own side only",
        arguments: [
            ("customers:read", "read", "customers", true), ("*:read", "read", "customers", true),
            ("customers:*", "delete", "customers", true),
            ("customers:read", "write", "customers", false), ("customers:*", "read", "orders", false),
            ("*:read", "delete", "orders", false),
            ("*:read", "read", "admin", false), ("*:*", "users", "admin", false), ("admin:*", "users", "admin", true),
            ("admin:read", "read", "admin", true), ("admin:read", "users", "admin", false), ("admin:*", "read", "orders", false),
            ("customers", "read", "customers", false), ("customers:read:more", "read", "customers", false),
        ])
    func allows(scope: String, action: String, table: String, isAllowed: Bool) throws {
        #expect(try ScopeSet(parsing: scope).allows(action, on: table) == isAllowed)
    }

    @Test(
        "Malformed scopes are refused",
        arguments: ["a  b", " a", "a ", "a\"b", "a\\b", "ä", "a\tb", "a\u{7f}", String(repeating: "x", count: 129)])
    func malformed(text: String) {
        #expect(throws: OAuthError.self) { try ScopeSet(parsing: text) }
    }

    @Test("Equal sets are written alike") func order() throws {
        #expect(try ScopeSet(parsing: "b a b").description == "a b")
    }

    @Test("More than a hundred scopes are refused") func many() {
        let text = (0...100).map { "s\($0)" }.joined(separator: " ")
        #expect(throws: OAuthError.self) { try ScopeSet(parsing: text) }
    }
}
