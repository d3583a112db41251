import JSON
import Testing

@Suite("JSON parser, RFC 8259") struct JSONParserTests {
    @Test(
        "accepts every kind of value",
        arguments: [
            ("null", .null), (" true ", true), ("\t\r\nfalse", false), ("0", 0), ("-0", 0), ("-12", -12), ("1.5", .number(1.5)),
            ("1e2", .number(100)), ("1E-2", .number(0.01)), ("-0.0e+1", .number(0)), ("\"\"", ""),
            ("\"a\u{7F}\u{E9}\u{1F511}\"", "a\u{7F}é🔑"),
            ("[]", []), ("[ ]", []), ("[1,[2]]", [1, [2]]), ("{}", [:]), ("{ \"a\" : 1 , \"b\" : {} }", ["a": 1, "b": [:]]),
            (#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDD11""#, "\"\\/\u{8}\u{C}\n\r\tAé🔑"), (#""\u0000""#, "\0"),
        ] as [(String, JSONValue)])
    func accepts(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(
        "refuses what the grammar does not allow",
        arguments: [
            ("", .unexpectedEnd), (" ", .unexpectedEnd), ("nul", .unexpectedEnd), ("nulL", .unexpectedByte), ("True", .unexpectedByte),
            ("1 2", .trailingBytes), ("{}}", .trailingBytes), ("\u{FEFF}1", .unexpectedByte), ("'a'", .unexpectedByte),
            ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte), ("[1 2]", .unexpectedByte), ("[1", .unexpectedEnd), ("[", .unexpectedEnd),
            ("{\"a\":1,}", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte), ("{a:1}", .unexpectedByte), ("{\"a\":}", .unexpectedByte),
            ("{\"a\"", .unexpectedEnd), ("{1:1}", .unexpectedByte), ("01", .invalidNumber), ("-01", .invalidNumber), ("1.", .unexpectedEnd),
            (".5", .unexpectedByte), ("+1", .unexpectedByte), ("-", .unexpectedEnd), ("-a", .invalidNumber), ("1e", .unexpectedEnd),
            ("1e+", .unexpectedEnd), ("1.e1", .invalidNumber), ("0x1", .trailingBytes), ("NaN", .unexpectedByte),
            ("Infinity", .unexpectedByte),
            ("\"", .unexpectedEnd), ("\"a\nb\"", .controlCharacter), ("\"\0\"", .controlCharacter), (#""\a""#, .invalidEscape),
            (#""\u12""#, .invalidEscape), (#""\u12G4""#, .invalidEscape), (#""\"#, .unexpectedEnd), (#""\u123"#, .unexpectedEnd),
            (#""\n"#, .unexpectedEnd), ("\"\\n\u{1}\"", .controlCharacter), ("/* */ 1", .unexpectedByte), ("\u{A0}1", .unexpectedByte),
        ] as [(String, JSONError.Kind)])
    func refuses(text: String, kind: JSONError.Kind) {
        expect(kind) { try JSONValue(parsing: text) }
    }

    @Test(
        "refuses halves of surrogate pairs",
        arguments: [#""\uD83D""#, #""\uD83D\n""#, #""\uD83Dx""#, #""\uD83D\uD83D""#, #""\uDD11""#, #""\uD83DA""#])
    func loneSurrogates(text: String) {
        expect(.loneSurrogate) { try JSONValue(parsing: text) }
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [[0x80], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF]] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        expect(.invalidUTF8) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
        expect(.invalidUTF8) { try JSONValue(parsing: Array(#""\n"#.utf8) + bytes + [0x22]) }
    }

    @Test(
        "refuses member names that repeat after unescaping",
        arguments: [#"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"{"x":{"":0,"":0}}"#])
    func duplicates(text: String) {
        expect(.duplicateMember) { try JSONValue(parsing: text) }
    }

    @Test("finds a repeated name among many") func duplicateAmongMany() throws {
        let names = (0..<500).map { "\"n\($0)\":\($0)" }
        let object = try #require(try JSONValue(parsing: "{\(names.joined(separator: ","))}").objectValue)
        #expect(object.count == 500)
        #expect(object["n499"] == 499)
        for repeated in [0, 11, 12, 499] {
            expect(.duplicateMember) { try JSONValue(parsing: "{\(names.joined(separator: ",")),\"n\(repeated)\":0}") }
        }
    }

    @Test("names that are only canonically equivalent are different") func canonicalEquivalence() throws {
        let object = try #require(try JSONValue(parsing: "{\"K\":1,\"\u{212A}\":2,\"\u{E9}\":3,\"e\u{301}\":4}").objectValue)
        #expect(object.count == 4)
        #expect(object["K"] == 1)
        #expect(object["\u{212A}"] == 2)
        #expect(JSONValue.string("K") != JSONValue.string("\u{212A}"))
    }

    @Test("keeps integers of 64 bits exact and turns longer ones into doubles") func integers() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "-9223372036854775809") == .number(-9_223_372_036_854_775_809))
        #expect(try JSONValue(parsing: "1.0").intValue == nil)
    }

    @Test("refuses numbers that are not finite or absurdly long", arguments: ["1e999", "-1e999", "1" + String(repeating: "0", count: 600)])
    func hugeNumbers(text: String) {
        expect(.numberOutOfRange) { try JSONValue(parsing: text) }
    }

    @Test("bounds the depth, whatever is asked for") func depth() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONValue(parsing: nested(32))
        expect(.tooDeep) { try JSONValue(parsing: nested(33)) }
        expect(.tooDeep) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 33)) }
        _ = try JSONValue(parsing: nested(512), maximumDepth: .max)
        expect(.tooDeep) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000), maximumDepth: .max) }
        expect(.tooDeep) { try JSONValue(parsing: "[]", maximumDepth: 0) }
        #expect(try JSONValue(parsing: "1", maximumDepth: 0) == 1)
    }

    @Test("says where it stopped") func offset() {
        #expect(throws: JSONError(.unexpectedByte, offset: 6)) { try JSONValue(parsing: "[1, 2 x]") }
        #expect("\(JSONError(.tooDeep, offset: 3))" == "nested too deeply at byte 3")
    }

    @Test("reads slices and raw buffers alike") func inputs() throws {
        let bytes = Array("xx[1]".utf8)
        #expect(try JSONValue(parsing: bytes[2...]) == [1])
        #expect(try bytes.dropFirst(2).withUnsafeBytes { try JSONValue(parsing: $0) } == [1])
    }

    @Test("never traps on mutations of a valid text") func mutations() throws {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\udd11",true,null],"b":{"c":"é"}}"#.utf8)
        for index in text.indices {
            for byte: UInt8 in [0, 0x22, 0x2C, 0x30, 0x5B, 0x5C, 0x75, 0x7B, 0x7D, 0x80, 0xFF] {
                var changed = text
                changed[index] = byte
                _ = try? JSONValue(parsing: changed)
            }
            _ = try? JSONValue(parsing: Array(text[..<index]))
        }
    }

    @Test("takes time linear in the length") func linear() throws {
        let clock = ContinuousClock()
        func time(_ count: Int) throws -> Duration {
            let members = (0..<count).map { "\"member\($0)\":\"a\\n\($0)\"" }.joined(separator: ",")
            let text = Array("{\(members)}".utf8)
            return try (0..<3).map { _ in try clock.measure { _ = try JSONValue(parsing: text) } }.min() ?? .zero
        }
        // A quadratic parser would need a hundred times as long.
        #expect(try time(20_000) < time(2_000) * 40)
    }

    private func expect(_ kind: JSONError.Kind, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> JSONValue) {
        let error = #expect(throws: JSONError.self, sourceLocation: sourceLocation) { _ = try body() }
        #expect(error?.kind == kind, sourceLocation: sourceLocation)
    }
}
