import JSON
import Testing

@testable import ResourceAPI

@Suite("A JSON body") struct PayloadTests {
    private func payload(_ text: String) throws -> Payload { try Payload(Array(text.utf8)) }

    @Test("is an object or an array of objects") func forms() throws {
        let object = try payload(#"{"b": 1, "a": {"x": []}}"#)
        #expect(object.form == .object)
        #expect(object.keys.map(\.string) == ["a", "b"])
        let array = try payload(#"[{"b": 1, "a": 2}, {"a": 3, "b": null}]"#)
        #expect(array.form == .array)
        #expect(array.rowCount == 2)
        #expect(array.isUniform)
        #expect(try payload("[]").rowCount == 0)
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
            "", " ", "1", "null", "\"a\"", "[1]", "[[{}]]", "{", "{}{}", #"{"a":1,"a":2}"#,
            #"{"a":"\ud800"}"#, "{\"a\":\"\u{1}\"}", "{'a':1}",
        ])
    func refusals(text: String) {
        let error = #expect(throws: APIError.self) { try payload(text) }
        #expect(error?.status == 400)
        #expect(error?.code == "PGRST102")
    }

    @Test("is refused when nested deeply") func depth() {
        #expect(throws: APIError.self) {
            try payload("{\"a\":" + String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000) + "}")
        }
    }
}
