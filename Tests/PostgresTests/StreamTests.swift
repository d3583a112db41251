import FoundationEssentials
import Postgres
import Testing

@Suite("Streams of rows") struct StreamTests {
    /// Cells between bars, null as a dash.
    private struct Bars: RowEncoder {
        mutating func begin(columns: [String], in chunk: inout [UInt8]) {
            chunk += Array(columns.joined(separator: "|").utf8) + [UInt8(ascii: "\n")]
        }

        mutating func append(_ row: borrowing StreamedRow, to chunk: inout [UInt8]) {
            for column in 0..<row.columnCount {
                if column > 0 { chunk.append(UInt8(ascii: "|")) }
                if let cell = row.cell(column) { chunk.append(contentsOf: cell) } else { chunk.append(UInt8(ascii: "-")) }
            }
            chunk.append(UInt8(ascii: "\n"))
        }
    }

    private static func text(_ stream: PostgresStream) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in stream { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func count(_ postgres: Postgres, _ mark: String) async throws -> Int {
        try await postgres.queryOne(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || \(mark) || '%' AND pid <> pg_backend_pid() AND state = 'active'",
            as: Int.self)
    }

    private static func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < deadline {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    @Test("Rows come as text with their names, parameters bound, settings made, also when there is none") func rows() async throws {
        try await TestDatabase.withPool { pool, _ in
            let settings = TransactionSettings([("sallyport.x", "tenant 'a'")])
            let sql: SQL =
                "SELECT i, current_setting('sallyport.x') AS who, NULL AS nothing FROM generate_series(1, \(2)) AS i WHERE \("ü") = 'ü'"
            let stream = try pool.stream(sql, settings: settings, timeout: .seconds(5), encoder: Bars())
            #expect(try await Self.text(stream) == "i|who|nothing\n1|tenant 'a'|-\n2|tenant 'a'|-\n")
            let empty = try pool.stream("SELECT 1 AS one WHERE false", settings: .none, timeout: .seconds(5), encoder: Bars())
            #expect(try await Self.text(empty) == "one\n")
        }
    }

    @Test("All of many rows arrive, in order, in chunks of bounded size") func manyRows() async throws {
        try await TestDatabase.withPool { pool, _ in
            let stream = try pool.stream(
                "SELECT i, repeat('x', 90) AS text FROM generate_series(1, 100000) AS i", settings: .none, timeout: .seconds(30),
                encoder: Bars())
            var (lines, largest, last) = (0, 0, [UInt8]())
            for try await chunk in stream {
                lines += chunk.count { $0 == UInt8(ascii: "\n") }
                largest = max(largest, chunk.count)
                last = chunk
            }
            #expect(lines == 100_001)
            #expect(largest < 66_000)
            #expect(String(decoding: last, as: UTF8.self).hasSuffix("100000|" + String(repeating: "x", count: 90) + "\n"))
        }
    }

    @Test("An error of the statement, also behind the first rows, ends the stream") func errors() async throws {
        try await TestDatabase.withPool { pool, _ in
            let broken = try pool.stream("SELECT nothing", settings: .none, timeout: .seconds(5), encoder: Bars())
            await #expect(throws: PostgresError.self) { try await broken.next() }
            let late = try pool.stream(
                "SELECT 1 / (100000 - i) FROM generate_series(1, 100000) AS i", settings: .none, timeout: .seconds(5), encoder: Bars())
            #expect(try await late.next() != nil)
            await #expect(throws: PostgresError.self) { while try await late.next() != nil {} }
            let writing = try pool.stream("CREATE TABLE x ()", settings: .none, timeout: .seconds(5), encoder: Bars())
            await #expect(throws: PostgresError.self) { try await writing.next() }
            let slow = try pool.stream("SELECT pg_sleep(10)", settings: .none, timeout: .milliseconds(50), encoder: Bars())
            await #expect(throws: PostgresError.self) { try await slow.next() }
        }
    }

    @Test("A stream that nobody holds, or whose task is cancelled, ends its statement") func abandonment() async throws {
        try await TestDatabase.withPool { pool, _ in
            var stream: PostgresStream? = try pool.stream(
                "SELECT pg_sleep(30) AS abandoned", settings: .none, timeout: .seconds(60), encoder: Bars())
            #expect(try await Self.eventually { try await Self.count(pool, "abandoned") == 1 })
            #expect(stream != nil)
            stream = nil
            #expect(try await Self.eventually { try await Self.count(pool, "abandoned") == 0 })

            let other = try pool.stream("SELECT pg_sleep(30) AS cancelled", settings: .none, timeout: .seconds(60), encoder: Bars())
            let reading = Task { try await other.next() }
            #expect(try await Self.eventually { try await Self.count(pool, "cancelled") == 1 })
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            #expect(try await Self.eventually { try await Self.count(pool, "cancelled") == 0 })
        }
    }

    @Test("A stream whose chunks nobody takes holds the server up, and ends after a while") func stalling() async throws {
        try await TestDatabase.withPool { pool, _ in
            let stream = try pool.stream(
                "SELECT i, repeat('stalled', 100) FROM generate_series(1, 1000000) AS i", settings: .none, timeout: .seconds(60),
                patience: .milliseconds(300), encoder: Bars())
            #expect(try await stream.next() != nil)
            #expect(try await Self.eventually { try await Self.count(pool, "stalled") == 0 })
            var chunks = 0
            await #expect(throws: PostgresError.self) { while try await stream.next() != nil { chunks += 1 } }
            #expect(chunks <= 5)
        }
    }

    @Test("An attempt that the server refuses leaves the transaction as it was; others end it") func attempts() async throws {
        try await TestDatabase.withPool { pool, _ in
            try await pool.execute("CREATE TABLE attempts (number int PRIMARY KEY)")
            try await pool.withTransaction { transaction in
                try await transaction.attempt { _ = try await $0.execute("INSERT INTO attempts VALUES (1)") }
                await #expect(throws: PostgresError.self) {
                    try await transaction.attempt { _ = try await $0.execute("INSERT INTO attempts VALUES (2), (1)") }
                }
                struct Refused: Error {}
                await #expect(throws: Refused.self) {
                    try await transaction.attempt { attempt in
                        try await attempt.execute("INSERT INTO attempts VALUES (3)")
                        throw Refused()
                    }
                }
                try await transaction.attempt { _ = try await $0.execute("INSERT INTO attempts VALUES (4)") }
            }
            #expect(try await pool.queryAll("SELECT number FROM attempts ORDER BY 1") { try $0.decode(Int.self, column: 0) } == [1, 4])
        }
    }
}
