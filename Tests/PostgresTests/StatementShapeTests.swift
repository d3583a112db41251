import Testing

@testable import Postgres

@Suite("The shape of a statement") struct StatementShapeTests {
    @Test(
        "Literals and names that are not plain are left out, all else stays",
        arguments: [
            ("SELECT $1, $12::text", "SELECT $1, $12::text"),
            ("SELECT 'it''s secret' AS \"name\"", "SELECT '?' AS \"name\""),
            ("SELECT ''", "SELECT '?'"),
            ("SELECT 'a', 'b'", "SELECT '?', '?'"),
            (#"SELECT E'it\'s secret', 1"#, "SELECT E'?', 1"),
            (#"SELECT value'it\', 1"#, "SELECT value'?', 1"),
            ("SELECT 'never closed, $1", "SELECT '?'"),
            ("SELECT $$secret$$, $1", "SELECT '?', $1"),
            ("SELECT $tag$secret$$ more$tag$", "SELECT '?'"),
            ("SELECT $1$2", "SELECT $1$2"),
            ("SELECT x AS \"my-token.secret\"", "SELECT x AS \"?\""),
            ("SELECT x AS \"a\"\"b\"", "SELECT x AS \"?\""),
            ("SELECT x AS \"" + String(repeating: "a", count: 63) + "\"", "SELECT x AS \"" + String(repeating: "a", count: 63) + "\""),
            ("SELECT x AS \"" + String(repeating: "a", count: 64) + "\"", "SELECT x AS \"?\""),
            ("SELECT \"", "SELECT \""),
            ("", ""),
        ] as [(String, String)])
    func shape(text: String, expected: String) {
        #expect(StatementShape.of(text) == expected)
    }

    @Test("A long text is cut") func long() {
        #expect(StatementShape.of(String(repeating: "x", count: 10_000)).utf8.count == StatementShape.maximumBytes)
    }
}
