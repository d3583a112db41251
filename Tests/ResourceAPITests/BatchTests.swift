import HTTPTypes
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Slices of JSON") struct JSONSlicesTests {
    private func slices(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        return JSONSlices(bytes: bytes).parts(of: 0..<bytes.count).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test("are the parts as they were written") func parts() {
        for (text, expected) in [
            ("[]", []), (" [ ] ", []), ("{}", []), ("[1]", ["1"]),
            ("[ 1.10 ,\n[2, 3],{\"a\":[4,5]} ]", ["1.10", "[2, 3]", "{\"a\":[4,5]}"]),
            (#"["a,]\"","\\",",}"]"#, [#""a,]\"""#, #""\\""#, #"",}""#]),
            (#"{"a" : 1 , "b,:\"" : {"c": "}"}}"#, [#""a" : 1"#, #""b,:\"" : {"c": "}"}"#]),
        ] {
            #expect(slices(text) == expected, "\(text)")
        }
    }

    @Test("have their values behind the name's colon") func values() {
        for (member, value) in [(#""a":1"#, "1"), (#""a:b" : ":""#, "\":\""), (#""\"" :  [1, 2]"#, "[1, 2]")] {
            let bytes = Array(member.utf8)
            #expect(String(decoding: bytes[JSONSlices(bytes: bytes).value(of: 0..<bytes.count)], as: UTF8.self) == value)
        }
    }
}

@Suite("Batches", .enabled(if: TestDatabase.isConfigured)) struct BatchTests {
    private func batch(
        _ api: ResourceAPIHarness, _ operations: String..., token: String, headers: HTTPFields = [:]
    ) async throws -> ResourceAPIHarness.Answer {
        try await api.send(
            .post, "batch", token: token, body: #"{"operations": [\#(operations.joined(separator: ", "))]}"#, headers: headers)
    }

    private func results(_ answer: ResourceAPIHarness.Answer) -> [JSONObject] {
        answer.json.objectValue?["results"]?.arrayValue?.compactMap(\.objectValue) ?? []
    }

    @Test("runs operations in order, each seeing those before it, and answers them in order") func order() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let answer = try await batch(
                api,
                #"{"method": "POST", "path": "/notes?select=id,title", "headers": {"Prefer": "return=representation"}, "body": {"id": 10, "title": "ten"}}"#,
                #"{"method": "PATCH", "path": "notes?id=eq.10", "body": {"title": "x"}}"#,
                #"{"method": "GET", "path": "/notes?id=eq.10&select=title"}"#,
                #"{"method": "POST", "path": "/plain", "headers": {"prefer": ["return=headers-only", "missing=default"]}, "body": [{"a": 5, "b": 5, "body": 1.10}]}"#,
                #"{"method": "POST", "path": "/lines", "headers": {"Content-Type": "text/csv"}, "body": "id,note,text\n9,10,é\n"}"#,
                #"{"method": "GET", "path": "/lines?id=eq.9&select=text", "headers": {"Accept": "text/csv"}}"#,
                #"{"method": "DELETE", "path": "/notes?id=eq.10"}"#, #"{"method": "POST", "path": "/notes/restore?id=eq.10"}"#,
                #"{"method": "DELETE", "path": "/notes?id=eq.10"}"#, #"{"method": "DELETE", "path": "/notes?deleted=is.true"}"#,
                #"{"method": "HEAD", "path": "/notes"}"#,
                #"{"method": "PUT", "path": "/plain?a=eq.5&b=eq.5", "body": {"a": 5, "b": 5, "body": null}}"#,
                token: token)
            #expect(answer.status == .ok, "\(answer.body)")
            let results = results(answer)
            #expect(results.map { $0["status"]?.intValue } == [201, 204, 200, 201, 201, 200, 204, 204, 204, 204, 200, 204])
            #expect(answer.body.contains(#""body":[{"id":10,"title":"ten"}]"#))
            #expect(results[2]["body"]?.arrayValue?.first?.objectValue?["title"]?.stringValue == "x")
            #expect(results[1]["body"]?.isNull == true)
            #expect(results[3]["headers"]?.objectValue?["Location"]?.stringValue == "/api/v1/plain?a=eq.5&b=eq.5")
            #expect(results[5]["body"]?.stringValue == "text\né")
            #expect(try await api.ids("notes?order=id", token: token) == [1, 2, 3])
            #expect(try await api.ids("notes?deleted=is.true", token: token) == [])
            #expect(try await api.ids("notes?order=id", token: api.token(api.globex)) == [1, 2, 3])
        }
    }

    @Test("passes bodies on as they were written") func bytes() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let answer = try await batch(
                api, #"{"body": {"a": 7, "b": 7, "body": {"n": 12345678901234567890.10, "s": "},]\""}} , "method":"POST","path":"plain"}"#,
                token: token)
            #expect(answer.status == .ok)
            #expect(try await api.send(.get, "plain?a=eq.7", token: token).body.contains(#"{"n": 12345678901234567890.10, "s": "},]\""}"#))
        }
    }

    @Test("keeps nothing when one operation fails, and says which") func atomicity() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let good = #"{"method": "POST", "path": "/notes", "body": {"id": 10, "title": "ten"}}"#
            for (bad, status, code) in [
                (#"{"method": "POST", "path": "/notes", "body": {"id": 1, "title": "there"}}"#, HTTPResponse.Status.conflict, "23505"),
                (#"{"method": "PATCH", "path": "/notes?id=eq.1", "body": {"state": "paid"}}"#, .conflict, "PT409"),
                (
                    #"{"method": "PATCH", "path": "/notes?id=eq.1", "headers": {"If-Match": "\"x\""}, "body": {"title": "y"}}"#,
                    .preconditionFailed, "PGRST412"
                ),
                (#"{"method": "GET", "path": "/notes?id=eq.x"}"#, .badRequest, "22P02"),
                (#"{"method": "GET", "path": "/nothing"}"#, .notFound, "PGRST205"),
                (
                    #"{"method": "GET", "path": "/notes", "headers": {"Accept": "application/vnd.pgrst.object+json"}}"#, .notAcceptable,
                    "PGRST116"
                ),
                (#"{"method": "POST", "path": "/notes", "body": {"nothing": 1}}"#, .badRequest, "PGRST204"),
                (#"{"method": "DELETE", "path": "/notes"}"#, .badRequest, "21000"),
                (#"{"method": "TRACE", "path": "/notes"}"#, .methodNotAllowed, "PGRST117"),
                (#"{"method": "GET", "path": "/a/b/c"}"#, .notFound, "PGRST125"),
                (#"{"method": "GET", "path": "/rpc/f"}"#, .methodNotAllowed, "PGRST117"),
                (#"{"method": "GET", "path": "/notes", "headers": {"Idempotency-Key": "x"}}"#, .badRequest, "PGRST102"),
                (#"{"method": "GET", "path": "/notes", "headers": {"Prefer": "timezone=Asia/Tokyo"}}"#, .badRequest, "PGRST122"),
                (#"{"method": "GET", "path": "/notes", "header": {}}"#, .badRequest, "PGRST102"),
                (#"{"path": "/notes"}"#, .badRequest, "PGRST102"), ("1", .badRequest, "PGRST102"),
                (#"{"method": "POST", "path": "/lines", "headers": {"Content-Type": "text/csv"}, "body": {}}"#, .badRequest, "PGRST102"),
            ] {
                let answer = try await batch(api, good, bad, good.replacing("10", with: "11"), token: token)
                #expect(answer.status == status, "\(bad): \(answer.body)")
                #expect(answer.code == code, "\(bad): \(answer.body)")
                #expect(answer.json.objectValue?["index"]?.intValue == 1, "\(bad)")
                #expect(try await api.ids("notes?order=id", token: token) == [1, 2, 3], "\(bad)")
            }
        }
    }

    @Test("checks every operation's scopes before the first runs") func scopes() async throws {
        try await BeyondFixture.with { api in
            let operations = [
                #"{"method": "POST", "path": "/notes", "body": {"id": 10, "title": "ten"}}"#, #"{"method": "GET", "path": "/plain"}"#,
                #"{"method": "DELETE", "path": "/notes?deleted=is.true"}"#,
            ]
            for (scope, isAllowed) in [
                ("notes:write plain:read notes:purge", true), ("notes:write plain:read notes:delete", false),
                ("notes:write notes:purge", false),
                ("plain:read notes:purge", false), ("batch:write", false),
            ] {
                let token = try api.token(api.acme, scope: scope)
                let answer = try await batch(api, operations[0], operations[1], operations[2], token: token)
                #expect(answer.status == (isAllowed ? .ok : .forbidden), "\(scope): \(answer.body)")
                #expect(try await api.ids("notes?id=eq.10", token: api.token(api.acme)) == (isAllowed ? [10] : []), "\(scope)")
                _ = try await batch(
                    api, #"{"method": "DELETE", "path": "/notes?id=eq.10"}"#, operations[2], token: api.token(api.acme))
            }
        }
    }

    @Test("is bounded and well formed") func form() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let read = #"{"method": "HEAD", "path": "/notes"}"#
            for (body, status) in [
                (#"{"operations": []}"#, HTTPResponse.Status.badRequest), ("[]", .badRequest), ("{", .badRequest), ("", .badRequest),
                (#"{"operations": {}}"#, .badRequest),
                (#"{"operations": [\#(read)], "more": 1}"#, .badRequest),
                (#"{"operations": [\#(Array(repeating: read, count: 101).joined(separator: ","))]}"#, .badRequest),
                (#"{"operations": [\#(Array(repeating: read, count: 100).joined(separator: ","))]}"#, .ok),
            ] {
                #expect(try await api.send(.post, "batch", token: token, body: body).status == status, "\(body.prefix(60))")
            }
            #expect(
                try await api.send(.post, "batch", token: token, body: "a", headers: [.contentType: "text/csv"]).status
                    == .unsupportedMediaType)
            #expect(try await api.send(.post, "batch", token: nil, body: "{}").status == .unauthorized)
            // A table of this name is served, but for POST.
            #expect(try await api.ids("batch", token: token) == [1])
            #expect(try await api.send(.put, "batch?id=eq.2", token: token, body: #"{"id": 2}"#).status == .created)
        }
    }

    @Test("is kept whole under one Idempotency-Key") func idempotency() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let operation = #"{"method": "POST", "path": "/notes", "body": {"id": 10, "title": "ten"}}"#
            let first = try await batch(api, operation, token: token, headers: [.idempotencyKey: "b"])
            #expect(first.status == .ok)
            let again = try await batch(api, operation, token: token, headers: [.idempotencyKey: "b"])
            #expect(again.status == .ok)
            #expect(again.body == first.body)
            #expect(
                try await batch(api, operation, operation, token: token, headers: [.idempotencyKey: "b"]).status == .unprocessableContent)
            #expect(try await batch(api, operation, token: token).status == .conflict)
        }
    }

    @Test("calls functions, whose wishes for the answer are their own") func functions() async throws {
        try await ResourceAPIHarness.with(prepare: { database in
            try await BeyondFixture.prepare(database)
            try await database.withPool(role: "sallyport_owner") { postgres in
                try await postgres.execute(
                    """
                    CREATE FUNCTION api.teapot(a int) RETURNS int LANGUAGE plpgsql AS $$
                    BEGIN
                        IF a > 1 THEN PERFORM set_config('response.status', '418', true); END IF;
                        RETURN a;
                    END $$
                    """)
                _ = try await postgres.query("SELECT sallyport.expose('api.teapot(int)')")
            }
        }) { api in
            let token = try api.token(api.acme)
            let answer = try await batch(
                api, #"{"method": "POST", "path": "/rpc/teapot", "body": {"a": 2}}"#,
                #"{"method": "POST", "path": "/rpc/teapot", "body": {"a": 1}}"#,
                #"{"method": "GET", "path": "/notes?select=id&order=id&limit=1"}"#, token: token)
            #expect(results(answer).map { $0["status"]?.intValue } == [418, 200, 200], "\(answer.body)")
            #expect(results(answer).compactMap { $0["body"]?.intValue } == [2, 1])
            let lacking = try api.token(api.acme, scope: "notes:*")
            #expect(
                try await batch(api, #"{"method": "POST", "path": "/rpc/teapot", "body": {"a": 1}}"#, token: lacking).status == .forbidden)
        }
    }
}
