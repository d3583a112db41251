import JSON
import Testing

@Suite("JSON writer") struct JSONWriterTests {
    @Test("puts commas and colons where they belong") func structure() {
        var writer = JSONWriter(reserving: 0)
        writer.beginObject()
        writer.field("a", "b")
        writer.field("n", -12)
        writer.field("u", Int64.max)
        writer.field("t", true)
        writer.name("list")
        writer.beginArray()
        writer.beginObject()
        writer.endObject()
        writer.null()
        writer.beginArray()
        writer.endArray()
        writer.number(1.5)
        writer.endArray()
        writer.field("raw", ["x", "y"])
        writer.field("absent", ifPresent: nil as String?)
        writer.field("present", ifPresent: 0 as Int64?)
        writer.name("r")
        writer.raw(Array("[1,2]".utf8))
        writer.name("s")
        writer.string(utf8: Array("a\"b".utf8))
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":"b","n":-12,"u":9223372036854775807,"t":true,"list":[{},null,[],1.5],"raw":["x","y"],"present":0,"r":[1,2],"s":"a\"b"}"#
        )
    }

    @Test(
        "escapes what must be escaped, and nothing else",
        arguments: [
            ("", "\"\""), ("plain é🔑/", "\"plain é🔑/\""), ("\"\\", #""\"\\""#), ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#),
            ("\0\u{1F}\u{7F}", "\"\\u0000\\u001f\u{7F}\""), ("a\nb\nc", #""a\nb\nc""#),
        ])
    func escapes(text: String, json: String) throws {
        #expect(String(decoding: JSONValue.string(text).serialized(), as: UTF8.self) == json)
        #expect(try JSONValue(parsing: json) == .string(text))
    }

    @Test("writes integers at their limits", arguments: [Int64.min, -1, 0, 9, 10, .max]) func integers(value: Int64) {
        #expect(String(decoding: JSONValue.integer(value).serialized(), as: UTF8.self) == "\(value)")
    }

    @Test("writes null for what JSON cannot say", arguments: [Double.nan, .infinity, -.infinity]) func notFinite(value: Double) {
        #expect(String(decoding: JSONValue.number(value).serialized(), as: UTF8.self) == "null")
    }

    @Test("gives back what it wrote") func roundTrip() throws {
        let value: JSONValue = ["a": [1, "é\n", true, .null, .number(1.25e-7), .number(1e300)], "b": ["c": [:]]]
        #expect(try JSONValue(parsing: value.serialized()) == value)
    }
}

@Suite("JSON object") struct JSONObjectTests {
    @Test("keeps the order of members and replaces in place") func order() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["c"] = 3
        object["a"] = 4
        object["b"] = nil
        object["missing"] = nil
        #expect(object.members.map(\.name) == ["a", "c"])
        #expect(object["a"] == 4)
        #expect(object["b"] == nil)
        #expect(String(decoding: object.serialized(), as: UTF8.self) == #"{"a":4,"c":3}"#)
    }

    @Test("is equal whatever the order") func equality() {
        let one: JSONObject = ["a": 1, "b": 2]
        let other: JSONObject = ["b": 2, "a": 1]
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["a": 1, "b": 3])
        #expect(one != ["a": 1])
        #expect(one != ["a": 1, "c": 2])
    }

    @Test("accessors return only their own kind") func accessors() {
        let value: JSONValue = 5
        #expect(value.intValue == 5)
        #expect(value.doubleValue == 5)
        #expect(value.stringValue == nil)
        #expect(value.boolValue == nil)
        #expect(value.arrayValue == nil)
        #expect(value.objectValue == nil)
        #expect(!value.isNull)
        #expect(JSONValue.null.isNull)
    }
}
