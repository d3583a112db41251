import Testing

@testable import ResourceAPI

@Suite("The raw query string") struct QueryStringTests {
    @Test(
        "is split and decoded",
        arguments: [
            ("", []),
            ("a=b", ["a=b"]),
            ("a=b&c=d", ["a=b", "c=d"]),
            ("&&a=b&", ["a=b"]),
            ("a=b=c", ["a=b=c"]),
            ("a", ["a="]),
            ("=a", ["=a"]),
            ("a=x+y%2Bz", ["a=x y+z"]),
            ("n%C3%A4me=%c3%A9", ["näme=é"]),
            ("a=%26%3D", ["a=&="]),
        ])
    func decoding(raw: String, expected: [String]) throws {
        #expect(try QueryString(raw).parameters.map { "\($0.name)=\($0.value)" } == expected)
    }

    @Test(
        "is refused when not percent-encoded UTF-8 without NUL",
        arguments: ["a=%", "a=%4", "a=%zz", "a=%00", "a=%C3", "a=%ED%A0%80", "a=%FF", "%C0%80=a", "a=\u{0}"])
    func malformed(raw: String) {
        #expect(throws: APIError.self) { try QueryString(raw) }
    }

    @Test("is bounded in length and number") func bounds() throws {
        #expect(throws: APIError.self) { try QueryString(String(repeating: "a", count: QueryString.maximumBytes + 1)) }
        let most = Array(repeating: "a=b", count: QueryString.maximumParameters)
        #expect(try QueryString(most.joined(separator: "&")).parameters.count == QueryString.maximumParameters)
        #expect(throws: APIError.self) { try QueryString((most + ["a=b"]).joined(separator: "&")) }
    }
}
