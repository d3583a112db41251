import JSON
import Testing

@testable import ResourceAPI

private func payload(_ text: String, _ type: String? = nil, _ verb: Verb = .insert) throws -> Payload {
    try Payload(Array(text.utf8), contentType: type, for: verb)
}

@Suite("A JSON body") struct ParsePayloadTests {
    @Test("is an object or an array of objects") func forms() throws {
        let object = try payload(#"{"b": 1, "a": {"x": []}}"#)
        #expect(object.form == .object)
        #expect(object.keys.map(\.string) == ["a", "b"])
        #expect(object.text == #"{"b": 1, "a": {"x": []}}"#)
        let array = try payload(#"[{"b": 1, "a": 2}, {"a": 3, "b": null}]"#, "application/json; charset=UTF-8")
        #expect(array.form == .array)
        #expect(array.rowCount == 2)
        #expect(array.isUniform)
        #expect(try payload("[]").rowCount == 0)
        #expect(try payload("{}", "Application/JSON").keys.isEmpty)
    }

    @Test(
        "tells rows with other keys",
        arguments: [#"[{"a":1},{"b":1}]"#, #"[{"a":1},{}]"#, #"[{"a":1},{"a":1,"b":2}]"#, #"[{"K":1},{"\u212a":1}]"#])
    func uniformity(text: String) throws {
        #expect(try payload(text).isUniform == false)
    }

    @Test(
        "is refused otherwise",
        arguments: [
            "", " ", "1", "null", "\"a\"", "[1]", "[[{}]]", "[{},1]", "{", "{}{}", #"{"a":1,"a":2}"#, #"[{"a":1,"\u0061":2}]"#,
            #"{"x":{"a":1,"a":2}}"#, #"{"a":"\ud800"}"#, "{\"a\":\"\u{1}\"}", "{'a':1}", "a,b\n1,2",
        ])
    func refusals(text: String) {
        for verb in [Verb.insert, .update, .put] {
            let error = #expect(throws: APIError.self) { try payload(text, nil, verb) }
            #expect(error?.status == 400)
            #expect(error?.code == "PGRST102")
        }
    }

    @Test("is refused when nested deeply") func depth() {
        #expect(throws: APIError.self) {
            try payload("{\"a\":" + String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000) + "}")
        }
    }

    @Test("of a call may be anything, and nothing means no arguments") func calls() throws {
        #expect(try payload("", nil, .call) == payload("{}", nil, .call))
        for text in ["1", "null", "\"a\"", "[1]", "[[{}]]", "[{},1]"] {
            let call = try payload(text, "application/json", .call)
            #expect(call.form == .raw(.json) && call.text == text)
        }
        #expect(try payload(#"[{"a":1}]"#, nil, .call).form == .array)
        for text in [" ", "{", "{}{}", #"{"a":1,"a":2}"#] {
            #expect(throws: APIError.self) { try payload(text, nil, .call) }
        }
    }

    @Test("of a call may be text, XML or bytes") func raw() throws {
        let text = try payload("a\"é", "text/plain", .call)
        #expect(text.form == .raw(.text) && text.text == "a\"é")
        #expect(try payload("", "text/plain; charset=utf-8", .call).text == "")
        #expect(try payload("<a/>", "text/xml", .call).form == .raw(.xml))
        let bytes = try Payload([0, 1, 0xFF, 0xA0], contentType: "application/octet-stream", for: .call)
        #expect(bytes.form == .raw(.binary) && bytes.text == #"\x0001ffa0"#)
        #expect(throws: APIError.self) { try Payload([0x61, 0], contentType: "text/plain", for: .call) }
        #expect(throws: APIError.self) { try Payload([0xC3], contentType: "text/plain", for: .call) }
    }

    @Test(
        "of another media type or character set is refused with 415",
        arguments: [
            "text/plain", "application/octet-stream", "text/xml", "application/xml", "multipart/form-data; boundary=x", "text/html", "",
            "json",
            "application/json; charset=iso-8859-1", "text/csv;charset=utf-16", "application/*", "application/jsonx",
        ])
    func mediaTypes(type: String) {
        let error = #expect(throws: APIError.self) { try payload("{}", type) }
        #expect(error?.status == 415)
        #expect(error?.code == "PGRST102")
    }
}

@Suite("A CSV body") struct ParseCSVPayloadTests {
    @Test("becomes JSON") func rows() throws {
        let csv = try payload("b,a\r\n1,NULL\r\n\"x \"\"y\"\"\n,z\",\"NULL\"\r\n\r\n,é", "text/csv")
        #expect(csv.form == .array)
        #expect(csv.keys.map(\.string) == ["a", "b"])
        #expect(csv.rowCount == 3)
        #expect(csv.isUniform)
        #expect(csv.text == #"[{"b":"1","a":null},{"b":"x \"y\"\n,z","a":"NULL"},{"b":"","a":"é"}]"#)
        #expect(try payload("a,b\n", "text/csv").rowCount == 0)
    }

    @Test(
        "is refused by line",
        arguments: [
            ("a,b\n1,2\n3\n", "All lines must have same number of fields", "Line 3 has 1, and the header has 2."),
            ("a,b\n\"1\n\",2\n3,4,5", "All lines must have same number of fields", "Line 4 has 3, and the header has 2."),
            ("a\n\"x", "Invalid CSV", "Line 2: a quote is not closed."),
            ("a\nx\"y\n", "Invalid CSV", "Line 2: a quote stands inside a field, or text behind a closing quote."),
            ("a\n\"x\"y\n", "Invalid CSV", "Line 2: a quote stands inside a field, or text behind a closing quote."),
            ("a\nx\ry\n", "Invalid CSV", "Line 2: a carriage return is not followed by a line feed."),
            ("a\n\u{0}\n", "Invalid CSV", "Line 2: not UTF-8 text, or text with U+0000."),
            ("a,a\n1,2", "The CSV's header names a column twice, or has an empty name", "Line 1"),
            ("a,\n1,2", "The CSV's header names a column twice, or has an empty name", "Line 1"),
            ("", "The CSV has no header line", nil),
            ("\n\n", "The CSV has no header line", nil),
        ] as [(String, String, String?)])
    func refusals(text: String, message: String, details: String?) throws {
        let error = try #require(throws: APIError.self) { try payload(text, "text/csv") }
        #expect(error.status == 400 && error.code == "PGRST102")
        #expect(error.message == message)
        #expect(error.details == details)
    }

    @Test("is refused when its header would make it a thousand times larger") func amplification() {
        let header = String(repeating: "a", count: 100_000)
        let error = #expect(throws: APIError.self) { try payload(header + "\n" + String(repeating: "1\n", count: 100_000), "text/csv") }
        #expect(error?.message == "The CSV is too large")
    }
}

@Suite("A form as a body") struct ParseFormPayloadTests {
    private static let type = "application/x-www-form-urlencoded"

    @Test("is an object of strings") func members() throws {
        let form = try payload("b=1+2&a=%C3%A9%26&&c&d=x=y", Self.type)
        #expect(form.form == .object && form.rowCount == 1 && form.isUniform)
        #expect(form.keys.map(\.string) == ["a", "b", "c", "d"])
        #expect(form.text == #"{"b":"1 2","a":"é&","c":"","d":"x=y"}"#)
        #expect(try payload("", Self.type).text == "{}")
    }

    @Test("of a call gives a repeated argument as an array, of a row is refused") func repetition() throws {
        #expect(try payload("a=1&b=2&a=3", Self.type, .call).text == #"{"a":["1","3"],"b":"2"}"#)
        #expect(throws: APIError.self) { try payload("a=1&b=2&a=3", Self.type) }
    }

    @Test("is refused when it is not percent-encoded text", arguments: ["a=%", "a=%C3", "a=%00", "%zz=1"])
    func refusals(text: String) {
        #expect(throws: APIError.self) { try payload(text, Self.type) }
    }
}
