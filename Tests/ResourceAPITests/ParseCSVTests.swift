import Testing

@testable import ResourceAPI

/// What a reader makes of a file given in pieces of so many bytes.
func read(_ bytes: [UInt8], pieces: Int, limits: CSVReader.Limits = CSVReader.Limits()) -> [CSVReader.Result] {
    var reader = CSVReader(limits: limits)
    var results: [CSVReader.Result] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        reader.append(Array(rest.prefix(pieces)))
        rest = rest.dropFirst(pieces)
        while let result = reader.next() { results.append(result) }
    }
    reader.finish()
    while let result = reader.next() { results.append(result) }
    return results
}

@Suite("CSV, RFC 4180") struct ParseCSVTests {
    private func described(_ results: [CSVReader.Result]) -> [String] {
        results.map { result in
            switch result {
            case .record(let record):
                "\(record.line): "
                    + (0..<record.count).map { record.isQuoted($0) ? "<\(record.text($0))>" : record.text($0) }.joined(separator: "|")
            case .problem(let problem):
                "\(problem.line)! \(problem.kind)"
            }
        }
    }

    @Test(
        "is read alike in pieces of any size",
        arguments: [
            ("", []),
            ("a", ["1: a"]),
            ("a,b\r\nc,d\r\n", ["1: a|b", "2: c|d"]),
            ("a,b\nc,d", ["1: a|b", "2: c|d"]),
            ("a,\n,b\n,\n", ["1: a|", "2: |b", "3: |"]),
            ("a,", ["1: a|"]),
            ("\"\"", ["1: <>"]),
            ("\"a,b\",\"c\"\"d\"\n", ["1: <a,b>|<c\"d>"]),
            ("\"a\r\nb\",c\nd,e", ["1: <a\r\nb>|c", "3: d|e"]),
            ("\"\"\"\"\n\"\"\"\"\"\"", ["1: <\">", "2: <\"\">"]),
            (" a , \t\n", ["1:  a | \t"]),
            ("é,日本\n", ["1: é|日本"]),
            ("\u{FEFF}a,b\n\u{FEFF}c", ["1: a|b", "2: \u{FEFF}c"]),
            ("\u{FEFF}", []),
            ("\n\r\na\n\n\nb\n\"\"\n", ["3: a", "6: b", "7: <>"]),
            ("a\"b\nc\n", ["1! strayQuote", "2: c"]),
            ("\"a\"b\nc\n", ["1! strayQuote", "2: c"]),
            ("a,\"b\" ,c\nd", ["1! strayQuote", "2: d"]),
            ("a\rb\nc\n", ["1! strayCarriageReturn", "2: c"]),
            ("a\r", ["1! strayCarriageReturn"]),
            ("\r\r\n", ["1! strayCarriageReturn"]),
            ("a\n\"b\nc\nd", ["1: a", "2! unclosedQuote"]),
            ("\"", ["1! unclosedQuote"]),
            ("a\u{0},b\nc", ["1! notText", "2: c"]),
        ] as [(String, [String])])
    func reading(text: String, expected: [String]) {
        for pieces in [1, 2, 3, 5, 1000] {
            #expect(described(read(Array(text.utf8), pieces: pieces)) == expected, "in pieces of \(pieces)")
        }
    }

    @Test(
        "is text, field by field",
        arguments: [
            [0xC3], [0xC3, 0x2C, 0xA9], [0xFF], [0xED, 0xA0, 0x80], [0xEF], [0xEF, 0xBB], [0xEF, 0xBB, 0x2C, 0xBF], [0xEF, 0xBB, 0x0A],
        ]
            as [[UInt8]])
    func notText(bytes: [UInt8]) {
        for pieces in [1, 2, 1000] {
            let results = described(read(bytes + Array("\nok\n".utf8), pieces: pieces))
            #expect(results.first == "1! notText")
            #expect(results.last?.hasSuffix(": ok") == true)
            #expect(described(read(bytes, pieces: pieces)) == ["1! notText"])
        }
    }

    @Test("has bounds for a field, a record and the number of fields, and goes on behind what passes them") func bounds() {
        let limits = CSVReader.Limits(fieldBytes: 4, recordBytes: 6, fields: 3)
        let cases = [
            ("abcd\nx", ["1: abcd", "2: x"]),
            ("abcde\nx", ["1! fieldTooLong(maximumBytes: 4)", "2: x"]),
            ("a,\"bcdef\"\nx", ["1! fieldTooLong(maximumBytes: 4)", "2: x"]),
            ("abc,def\nx", ["1: abc|def", "2: x"]),
            ("abc,defg\nx", ["1! recordTooLong(maximumBytes: 6)", "2: x"]),
            (",,\nx", ["1: ||", "2: x"]),
            (",,,\nx", ["1! tooManyFields(maximum: 3)", "2: x"]),
            (",,,,,,,\nx", ["1! tooManyFields(maximum: 3)", "2: x"]),
            (",,,", ["1! tooManyFields(maximum: 3)"]),
        ]
        for (text, expected) in cases {
            for pieces in [1, 2, 3, 1000] { #expect(described(read(Array(text.utf8), pieces: pieces, limits: limits)) == expected) }
        }
    }

    @Test("takes time in proportion to its length, and one record's memory") func linear() {
        let started = ContinuousClock.now
        for line in ["\"\"\"\"", "\"a\",b,,", "x\"", "\"", ",", "\r", "a\n", "\n", "\"\n"] {
            let text = Array(repeating: Array(line.utf8), count: 400_000 / line.utf8.count).flatMap { $0 }
            #expect(read(text, pieces: 1000).count <= 400_000)
        }
        #expect(ContinuousClock.now - started < .seconds(20))
    }
}
