import FoundationEssentials
import Postgres
import Testing

@Suite("SQL literals") struct SQLTests {
    @Test("Interpolated values become numbered parameters") func binds() {
        let name = "O'Brien; DROP TABLE x"
        let sql: SQL = "SELECT * FROM t WHERE name = \(name) AND age > \(42)"
        #expect(sql.text == "SELECT * FROM t WHERE name = $1 AND age > $2")
        #expect(sql.parameters == [SQLParameter(name), SQLParameter(42)])
        #expect(sql.parameters.map(\.type) == [.text, .int8])
    }

    @Test("Spliced statements keep their parameters, numbered anew") func splices() {
        let condition: SQL = "a = \(1) AND b = \("x")"
        let sql: SQL = "SELECT \(true) WHERE \(condition) OR c = \(2)"
        #expect(sql.text == "SELECT $1 WHERE a = $2 AND b = $3 OR c = $4")
        #expect(sql.parameters.map(\.type) == [.bool, .int8, .text, .int8])
    }

    @Test("Identifiers are quoted, unescaped text is inserted") func identifiers() {
        let sql: SQL = "SELECT \(identifier: "we\"ird") \(unescaped: "FROM t")"
        #expect(sql.text == "SELECT \"we\"\"ird\" FROM t")
        #expect(sql.parameters.isEmpty)
    }

    @Test("Nil is a typed NULL") func null() {
        let missing: UUID? = nil
        let sql: SQL = "SELECT \(missing)"
        #expect(sql.parameters == [.null(.uuid)])
    }

    @Test("Lists are joined") func joined() {
        let list = SQL.joined([1, 2, 3].map { "\($0)" as SQL }, separator: ", ")
        let sql: SQL = "SELECT * FROM t WHERE id IN (\(list))"
        #expect(sql.text == "SELECT * FROM t WHERE id IN ($1, $2, $3)")
    }

    @Test("A statement equals another with the same text and types only") func statements() {
        #expect(SQLStatement("SELECT 1") == SQLStatement("SELECT 1"))
        #expect(SQLStatement("SELECT $1", parameterTypes: [.text]) != SQLStatement("SELECT $1", parameterTypes: [.int8]))
        #expect(SQLStatement("SELECT 1") != SQLStatement("SELECT 2"))
        #expect(SQLStatement("") == SQLStatement(""))
    }

    @Test("Statements that are canonically equivalent in Unicode are different ones") func canonicalEquivalence() {
        let composed = SQLStatement("SELECT '\u{e9}'")
        let decomposed = SQLStatement("SELECT 'e\u{301}'")
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed, SQLStatement("SELECT '\u{e9}'")]).count == 2)
    }

    @Test("Descriptions show no values and no connection string") func descriptions() {
        let sql: SQL = "SELECT \("secret")"
        #expect("\(sql)" == "SELECT $1")
        let configuration = PostgresConfiguration(connectionString: "postgresql://u:secret@h/d")
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration)\(String(reflecting: configuration))\(dumped)".contains("secret"))
    }
}
