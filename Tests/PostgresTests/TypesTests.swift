import FoundationEssentials
import Postgres
import Testing

@Suite("Types") struct TypesTests {
    @Test("Values make the round trip") func roundTrip() async throws {
        try await TestDatabase.withPool { pool, _ in
            func echo<T: SQLValue & PostgresDecodable & Equatable>(_ values: T...) async throws {
                for value in values {
                    let returned = try await pool.queryOne("SELECT \(value)", as: T.self)
                    #expect(returned == value)
                    let missing: T? = nil
                    let null = try await pool.queryOne("SELECT \(missing)", as: T?.self)
                    #expect(null == nil)
                }
            }
            try await echo(true, false)
            try await echo(Int16.min, Int16.max)
            try await echo(Int32.min, 0, Int32.max)
            try await echo(Int64.min, -1, Int64.max)
            try await echo(Int.min, 7, Int.max)
            try await echo(Float(1.5), -Float.infinity)
            try await echo(0.1, -Double.greatestFiniteMagnitude, Double.infinity)
            try await echo("", "grüße 🚪 'quoted' \\ \"", String(repeating: "x", count: 100_000))
            try await echo(UUID(), UUID())
            try await echo([UInt8](), [0, 1, 255, 0], [UInt8](repeating: 7, count: 70_000))
            try await echo([String](), ["a", "", "NULL", "co,mma", "qu\"ote", "back\\slash", "{brace}", " space "])
            try await echo([UUID(), UUID()])
            try await echo([1, -2, Int.max])
            try await echo([Int32.min, 5])
        }
    }

    @Test("Dates keep their microseconds", arguments: [0, 946_684_800, 1_700_000_000.123456, -1.5, -62_000_000_000, 4_102_444_800.999999])
    func dates(seconds: Double) async throws {
        try await TestDatabase.withPool { pool, _ in
            let date = Date(timeIntervalSince1970: seconds)
            let (returned, epoch) = try await pool.queryOne(
                "SELECT \(date), extract(epoch FROM \(date)::timestamptz)::float8", as: Date.self, Double.self)
            #expect(abs(returned.timeIntervalSince(date)) < 0.000001)
            #expect(abs(epoch - seconds) < 0.00001)
        }
    }

    @Test("Text-like types decode as String") func texts() async throws {
        try await TestDatabase.withPool { pool, _ in
            try await pool.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
            let row = try await pool.queryOne(
                "SELECT 'v'::varchar, 'n'::name, '{\"a\":1}'::json, '{\"a\": 1}'::jsonb, 'bad'::mood, 'c'::char(1)",
                as: String.self, String.self, String.self, String.self, String.self, String.self)
            #expect(row == ("v", "n", "{\"a\":1}", "{\"a\": 1}", "bad", "c"))
            let integer = try await pool.queryOne("SELECT 1::int2, 2::int4", as: Int.self, Int64.self)
            #expect(integer == (1, 2))
        }
    }

    @Test("A wrong type, NULL, column or count is an error that names the column") func mismatches() async throws {
        try await TestDatabase.withPool { pool, _ in
            let row = try #require(try await pool.query("SELECT 1::int4 AS one, NULL::text AS nothing, ARRAY[['a']] AS nested").first)
            func failure(_ body: () throws -> Void) -> DecodingFailure? {
                do {
                    try body()
                    return nil
                } catch PostgresError.decoding(let failure) {
                    return failure
                } catch {
                    return nil
                }
            }
            #expect(failure { _ = try row.decode(String.self, column: "one") }?.column == "one")
            #expect(failure { _ = try row.decode(String.self, column: "one") }?.type == .int4)
            #expect(failure { _ = try row.decode(Int16.self, column: "one") } != nil)
            #expect(failure { _ = try row.decode(UUID.self, column: 0) } != nil)
            #expect(failure { _ = try row.decode(String.self, column: "nothing") }?.column == "nothing")
            #expect(failure { _ = try row.decode([String].self, column: "nested") } != nil)
            #expect(failure { _ = try row.decode([String].self, column: "one") } != nil)
            #expect(failure { _ = try row.decode(Int32.self, column: "missing") }?.column == "missing")
            #expect(failure { _ = try row.decode(Int32.self, column: 3) } != nil)
            #expect(failure { _ = try row.decode(Int32.self) } != nil)
            #expect(failure { _ = try row.decode(Int32.self, String?.self, [String]?.self, Int.self) } != nil)
            #expect(try row.decode(String?.self, column: "nothing") == nil)
        }
    }

    @Test("U+0000 in text is refused before anything is sent") func nul() async throws {
        try await TestDatabase.withPool { pool, _ in
            await #expect {
                _ = try await pool.query("SELECT \("a\0b")")
            } throws: { error in
                if case PostgresError.invalidParameter = error { true } else { false }
            }
            await #expect(throws: PostgresError.self) {
                _ = try await pool.query("SELECT 1", settings: TransactionSettings([("a.b", "x\0y")]))
            }
        }
    }

    @Test("Raw bytes of a cell are given without decoding") func rawBytes() async throws {
        try await TestDatabase.withPool { pool, _ in
            let result = try await pool.query("SELECT json_build_object('a', 1), NULL::json")
            #expect(result.bytes(row: 0, column: 0) == [UInt8]("{\"a\" : 1}".utf8))
            #expect(result.bytes(row: 0, column: 1) == nil)
            #expect(result.bytes(row: 1, column: 0) == nil)
            #expect(result.bytes(row: 0, column: 2) == nil)
        }
    }

    @Test("Parameters of unknown type take the type of their place") func unknown() async throws {
        try await TestDatabase.withPool { pool, _ in
            let value = try await pool.queryOne("SELECT (\(SQLParameter.unknown("2.50"))::numeric * 2)::text", as: String.self)
            #expect(value == "5.00")
        }
    }

    @Test("Server errors carry their fields and print blandly") func serverErrors() async throws {
        try await TestDatabase.withPool { pool, _ in
            try await pool.execute("CREATE TABLE t (id int PRIMARY KEY, name text CONSTRAINT named CHECK (name <> ''))")
            try await pool.execute("INSERT INTO t VALUES (1, 'secret')")
            do {
                try await pool.execute("INSERT INTO t VALUES (1, 'other')")
                Issue.record("a duplicate was accepted")
            } catch PostgresError.server(let error) {
                #expect(error.sqlState == .uniqueViolation)
                #expect(error.constraint == "t_pkey")
                #expect(error.table == "t")
                #expect(error.detail?.contains("(id)=(1)") == true)
                #expect("\(error)" == "database error 23505")
                #expect(error.debugDescription.contains("t_pkey"))
            }
            do {
                _ = try await pool.query("SELECT nonsense FROM t")
                Issue.record("nonsense was accepted")
            } catch PostgresError.server(let error) {
                #expect(error.sqlState == .undefinedColumn)
                #expect(error.position == 8)
            }
        }
    }

    @Test("Row counts are checked") func rowCounts() async throws {
        try await TestDatabase.withPool { pool, _ in
            await #expect(throws: PostgresError.self) { try await pool.queryOne("SELECT 1 WHERE false", as: Int.self) }
            await #expect(throws: PostgresError.self) { try await pool.queryOptional("SELECT generate_series(1, 2)", as: Int.self) }
            #expect(try await pool.queryOptional("SELECT 1 WHERE false", as: Int.self) == nil)
            #expect(try await pool.queryAll("SELECT generate_series(1, 3)", as: Int.self) == [1, 2, 3])
            try await pool.execute("CREATE TABLE t (id int)")
            #expect(try await pool.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5)
        }
    }
}
