import HTTPTypes
import JSON
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Entity tags") struct EntityTagTests {
    private static let digest = "0123456789abcdef0123456789abcdef"

    @Test("name a state whatever the form of the answer") func digests() {
        for (tag, isOurs) in [
            ("\"\(Self.digest)\"", true), ("W/\"\(Self.digest)\"", true), ("\"\(Self.digest)-csv\"", true), ("\"\(Self.digest)x\"", false),
            ("\"\(Self.digest.uppercased())\"", false), ("\"\(Self.digest.dropLast())\"", false), (Self.digest, false), ("\"\"", false),
            ("*", false),
            ("\"\(Self.digest)", false), ("", false),
        ] {
            #expect(EntityTag.digest(tag) == (isOurs ? Self.digest : nil), "\(tag)")
        }
    }

    @Test("are read from lists") func lists() throws {
        #expect(try EntityTag.list([#""a", W/"b,c" ,"d""#, "*"], of: "If-Match") == [#""a""#, #"W/"b,c""#, #""d""#, "*"])
        #expect(try EntityTag.list(["", " , "], of: "If-Match") == [])
        for malformed in ["a", #""a"#, #""a""b""#, "W/", "*x", "w/\"a\"", String(repeating: "*,", count: 33)] {
            #expect(throws: APIError.self, "\(malformed)") { try EntityTag.list([malformed], of: "If-Match") }
        }
    }
}

@Suite("Conditional requests", .enabled(if: TestDatabase.isConfigured)) struct ConditionalTests {
    private static func tag(_ answer: ResourceAPIHarness.Answer) throws -> String { try #require(answer.headers[.eTag], "\(answer.body)") }

    @Test("give one row its tag, the same in both tenants for the same state, and another for another state") func tags() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let first = try await api.send(.get, "notes?id=eq.1", token: token)
            let tag = try Self.tag(first)
            #expect(first.rows.count == 1)
            #expect(tag.count == 34)
            #expect(first.rows[0]["sallyport_tag"] == nil)
            // Whatever part of the row is asked for, and in whatever way, its state is the same.
            for path in ["notes?id=eq.1&select=title", "notes?select=title,t:at::text&id=eq.1&state=eq.draft", "notes?id=eq.1&select=*"] {
                #expect(try Self.tag(try await api.send(.get, path, token: token)) == tag, "\(path)")
            }
            #expect(try Self.tag(try await api.send(.head, "notes?id=eq.1", token: token)) == tag)
            let object = try await api.send(
                .get, "notes?title=eq.one", token: token, headers: [.accept: "application/vnd.pgrst.object+json"])
            #expect(object.json.objectValue?["title"]?.stringValue == "one")
            #expect(try Self.tag(object).hasPrefix(String(tag.dropLast())))
            #expect(try Self.tag(object) != tag)
            for path in [
                "notes", "notes?id=eq.2", "notes?id=eq.99", "notes?id=in.(1)", "notes?or=(id.eq.1)", "notes?title=eq.one",
                "notes?id=eq.1&select=id,lines(id)",
                "notes?id=eq.1&select=count()", "notes?id=not.eq.1", "plain?a=eq.1",
            ] {
                #expect(try await api.send(.get, path, token: token).headers[.eTag] != tag, "\(path)")
            }
            #expect(try await api.send(.get, "notes?id=eq.99", token: token).headers[.eTag] == nil)
            #expect(try await api.send(.get, "plain?a=eq.1", token: token).headers[.eTag] == nil)
            #expect(try await api.send(.get, "plain?a=eq.1&b=eq.2", token: token).headers[.eTag] != nil)
            #expect(try await api.send(.get, "notes?id=eq.1", token: token, headers: .prefer("timezone=Asia/Tokyo")).headers[.eTag] == nil)

            _ = try await api.send(.patch, "notes?id=eq.1", token: token, body: #"{"title": "eins"}"#)
            #expect(try Self.tag(try await api.send(.get, "notes?id=eq.1", token: token)) != tag)
        }
    }

    @Test("answer 304 to who has the row") func notModified() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let tag = try Self.tag(try await api.send(.get, "notes?id=eq.1", token: token))
            for (candidates, isKnown) in [
                (tag, true), ("W/" + tag, true), ("\"x\", \(tag)", true), ("*", true), ("\"x\"", false),
                (String(tag.dropLast()) + "-csv\"", false),
            ] {
                for method in [HTTPRequest.Method.get, .head] {
                    let answer = try await api.send(method, "notes?id=eq.1", token: token, headers: [.ifNoneMatch: candidates])
                    #expect(answer.status == (isKnown ? .notModified : .ok), "\(candidates)")
                    #expect(answer.headers[.eTag] == tag)
                    if isKnown { #expect(answer.body.isEmpty) }
                }
            }
            #expect(try await api.send(.get, "notes?id=eq.1", token: token, headers: [.ifNoneMatch: "x"]).status == .badRequest)
            #expect(try await api.send(.get, "notes", token: token, headers: [.ifNoneMatch: tag]).status == .ok)
        }
    }

    @Test("refuse a lost update, delete and restoration with 412") func matching() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let old = try Self.tag(try await api.send(.get, "notes?id=eq.1", token: token))
            let updated = try await api.send(
                .patch, "notes?id=eq.1", token: token, body: #"{"title": "x"}"#, headers: [.ifMatch: old, .prefer: "return=representation"])
            #expect(updated.status == .ok)
            let new = try Self.tag(updated)
            #expect(try Self.tag(try await api.send(.get, "notes?id=eq.1", token: token)) == new)
            #expect(new != old)

            let body = #"{"id": 1, "title": "y"}"#
            let stale: [(HTTPRequest.Method, String, String?, HTTPFields)] = [
                (.patch, "notes?id=eq.1", #"{"title": "y"}"#, [.ifMatch: old]), (.delete, "notes?id=eq.1", nil, [.ifMatch: old]),
                (.put, "notes?id=eq.1", body, [.ifMatch: old]), (.put, "notes?id=eq.1", body, [.ifNoneMatch: "*"]),
                (.patch, "notes?id=eq.1", #"{"title": "y"}"#, [.ifMatch: "\"x\""]),
                (.patch, "notes?id=eq.99", #"{"title": "y"}"#, [.ifMatch: "*"]),
                (.put, "notes?id=eq.99", #"{"id": 99, "title": "y"}"#, [.ifMatch: "*"]),
                (.put, "notes?id=eq.99", #"{"id": 99, "title": "y"}"#, [.ifMatch: new]),
                (.post, "notes/restore?id=eq.1", nil, [.ifMatch: new]), (.delete, "notes?id=eq.1&title=eq.z", nil, [.ifMatch: new]),
            ]
            for (method, path, body, headers) in stale {
                for prefer in ["return=minimal", "return=representation"] {
                    var headers = headers
                    headers[.prefer] = prefer
                    let answer = try await api.send(method, path, token: token, body: body, headers: headers)
                    #expect(answer.status == .preconditionFailed, "\(method) \(path) \(answer.body)")
                    #expect(answer.code == "PGRST412")
                }
            }
            #expect(try await api.values("notes?order=id", "title", token: token) == [.string("x"), .string("two"), .string("three")])

            #expect(
                try await api.send(.put, "notes?id=eq.1", token: token, body: body, headers: [.ifMatch: "\"x\", W/\(new)"]).status
                    == .noContent)
            #expect(
                try await api.send(.put, "notes?id=eq.9", token: token, body: #"{"id": 9, "title": "n"}"#, headers: [.ifNoneMatch: "*"])
                    .status == .created)
            let last = try Self.tag(try await api.send(.get, "notes?id=eq.9", token: token))
            #expect(try await api.send(.delete, "notes?id=eq.9", token: token, headers: [.ifMatch: last]).status == .noContent)
            #expect(try await api.ids("notes?order=id", token: api.token(api.globex)) == [1, 2, 3])
        }
    }

    @Test("need a URL that names the row") func refusals() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            for (path, headers) in [
                ("notes?title=eq.one", HTTPFields([HTTPField(name: .ifMatch, value: "*")])), ("plain?a=eq.1", [.ifMatch: "\"x\""]),
                ("notes?id=eq.1", [.ifMatch: "x"]), ("notes?id=eq.1", [.ifMatch: "\"x\"", .prefer: "timezone=Asia/Tokyo"]),
            ] {
                #expect(try await api.send(.delete, path, token: token, headers: headers).status == .badRequest, "\(path) \(headers)")
            }
            #expect(
                try await api.send(.put, "notes?id=eq.1", token: token, body: #"{"id": 1, "title": "x"}"#, headers: [.ifNoneMatch: "\"x\""])
                    .status
                    == .badRequest)
        }
    }

    @Test("let one of many updates of the same state through") func race() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let tag = try Self.tag(try await api.send(.get, "notes?id=eq.1", token: token))
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for writer in 0..<12 {
                    group.addTask {
                        try await api.send(
                            .patch, "notes?id=eq.1", token: token, body: #"{"title": "\#(writer)"}"#, headers: [.ifMatch: tag]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == .noContent }.count == 1)
            #expect(statuses.filter { $0 == .preconditionFailed }.count == 11)
        }
    }
}
