import HTTPTypes
import JSON
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Soft delete over HTTP", .enabled(if: TestDatabase.isConfigured)) struct SoftDeleteEndpointTests {
    @Test("hides what DELETE marks, from every verb and from embedding, and gives it back") func marking() async throws {
        try await BeyondFixture.with { api in
            let (token, other) = (try api.token(api.acme), try api.token(api.globex))
            let answer = try await api.send(.delete, "notes?id=eq.1", token: token, headers: .prefer("return=representation"))
            #expect(answer.status == .ok)
            #expect(answer.rows.first?["deleted_by"]?.stringValue == "service")
            #expect(try await api.ids("notes?order=id", token: token) == [2, 3])
            #expect(try await api.ids("lines?order=id", token: token) == [3])
            #expect(try await api.send(.get, "notes?id=eq.1", token: token).rows.isEmpty)
            #expect(try await api.ids("notes?order=id&deleted=is.true", token: token) == [1])
            #expect(try await api.ids("notes?order=id", token: other) == [1, 2, 3])
            #expect(try await api.ids("lines?order=id", token: other) == [1, 2, 3])

            // What is hidden is neither changed nor deleted again.
            let patch = try await api.send(
                .patch, "notes?id=eq.1", token: token, body: #"{"title": "x"}"#, headers: .prefer("return=representation"))
            #expect(patch.rows.isEmpty)
            let again = try await api.send(.delete, "notes?id=eq.1", token: token, headers: .prefer("return=representation"))
            #expect(again.rows.isEmpty)
            let embedded = try await api.send(.get, "notes?select=id,lines(id)&id=eq.2", token: token)
            #expect(embedded.body.filter { $0 != " " } == #"[{"id":2,"lines":[{"id":3}]}]"#)

            let restored = try await api.send(.post, "notes/restore?id=eq.1", token: token, headers: .prefer("return=representation"))
            #expect(restored.status == .ok)
            #expect(restored.rows.first?["deleted_at"]?.isNull == true)
            #expect(try await api.ids("notes?order=id", token: token) == [1, 2, 3])
            #expect(try await api.ids("lines?order=id", token: token) == [1, 2, 3])
            #expect(try await api.send(.post, "notes/restore?id=eq.1", token: token).status == .noContent)
        }
    }

    @Test("takes the scope of each step") func scopes() async throws {
        try await BeyondFixture.with { api in
            let all = try api.token(api.acme)
            let steps: [(HTTPRequest.Method, String, String)] = [
                (.delete, "notes?id=eq.1", "notes:delete"), (.get, "notes?deleted=is.true", "notes:read notes:delete"),
                (.post, "notes/restore?id=eq.1", "notes:delete"), (.delete, "notes?id=eq.1", "notes:*"),
                (.delete, "notes?deleted=is.true", "notes:purge"),
            ]
            for (method, path, scope) in steps {
                let near = ["notes:read notes:write", "lines:*", "*:read"] + (scope.contains("purge") ? ["notes:delete"] : ["notes:purge"])
                for lacking in near where scope != lacking {
                    let answer = try await api.send(method, path, token: api.token(api.acme, scope: lacking))
                    #expect(answer.status == .forbidden, "\(path) with \(lacking)")
                }
                let answer = try await api.send(method, path, token: api.token(api.acme, scope: scope))
                #expect(answer.status.kind == .successful, "\(path) with \(scope): \(answer.body)")
            }
            #expect(try await api.ids("notes?order=id", token: all) == [2, 3])
            #expect(try await api.ids("notes?order=id&deleted=is.true", token: all) == [])
        }
    }

    @Test("purges what is marked and never what lives") func purging() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            #expect(try await api.send(.delete, "notes?id=eq.1", token: token).status == .noContent)
            // Whatever else the filter lets in.
            for path in ["notes?deleted=in.(true,false)", "notes?or=(deleted.is.true,id.gt.0)", "notes?deleted=not.is.false&id=gt.0"] {
                let answer = try await api.send(.delete, path, token: token, headers: .prefer("return=minimal"))
                #expect(answer.status.kind == .successful || answer.status == .badRequest, "\(path) \(answer.body)")
                #expect(try await api.ids("notes?order=id", token: token) == [2, 3], "\(path)")
            }
            #expect(try await api.ids("notes?deleted=is.true", token: token) == [])
            #expect(try await api.ids("lines?deleted=is.true", token: token) == [])
            let trail = try await api.send(
                .get, "row_audit?table=eq.notes&key=eq.1&select=action,subject,client,request_id&order=changed_at", token: token)
            #expect(trail.rows.compactMap { $0["action"]?.stringValue } == ["insert", "update", "delete"])
            #expect(trail.rows.dropFirst().allSatisfy { $0["client"]?.stringValue == "service" && $0["request_id"]?.stringValue != nil })
        }
    }

    @Test("keeps the marks out of bodies, and keys with the marked row") func bodies() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            for (method, path, body) in [
                (HTTPRequest.Method.patch, "notes?id=eq.1", #"{"deleted_at": "2026-01-01"}"#),
                (.patch, "notes?id=eq.1", #"{"deleted_by": "x"}"#),
                (.post, "notes", #"{"id": 9, "title": "x", "deleted_at": "2026-01-01"}"#),
                (.post, "notes?columns=id,title,deleted_at", #"{"id": 9, "title": "x"}"#),
            ] {
                let answer = try await api.send(method, path, token: token, body: body)
                #expect(answer.status == .badRequest)
                #expect(answer.code == "428C9")
            }
            #expect(try await api.send(.delete, "notes?id=eq.1", token: token).status == .noContent)
            let row = #"{"id": 1, "title": "new"}"#
            for (method, path, prefer) in [
                (HTTPRequest.Method.post, "notes", "return=minimal"), (.post, "notes", "resolution=merge-duplicates"),
                (.put, "notes?id=eq.1", "return=minimal"),
            ] {
                let answer = try await api.send(method, path, token: token, body: row, headers: .prefer(prefer))
                #expect(answer.status == .conflict, "\(method) \(prefer)")
                #expect(answer.code == "23505")
            }
            #expect(
                try await api.send(.post, "notes", token: token, body: row, headers: .prefer("resolution=ignore-duplicates")).status
                    == .created)
            #expect(try await api.values("notes?deleted=is.true", "title", token: token) == [.string("one")])
        }
    }

    @Test("is not for tables without it, nor DELETE without a filter") func refusals() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let plain = try await api.send(.post, "plain/restore?a=eq.1", token: token)
            #expect(plain.status == .badRequest)
            #expect(plain.code == "0A000")
            #expect(try await api.send(.post, "notes/restore", token: token).status == .badRequest)
            #expect(try await api.send(.post, "nothing/restore?id=eq.1", token: token).status == .notFound)
            #expect(try await api.send(.delete, "plain?a=eq.1", token: token).status == .noContent)
            #expect(try await api.send(.get, "plain", token: token).rows.isEmpty)
            // A parent's refusal is a conflict.
            let rows = try await api.send(.get, "orders?select=customer_id&limit=1", token: token).rows
            let customer = rows.first?["customer_id"]?.stringValue ?? ""
            #expect(try await api.send(.delete, "customers?id=eq.\(customer)", token: token).status == .conflict)
        }
    }

    @Test("goes along with workflows and maintained columns") func others() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let skipped = try await api.send(.patch, "notes?id=eq.1", token: token, body: #"{"state": "paid"}"#)
            #expect(skipped.status == .conflict)
            #expect(skipped.json.objectValue?["details"]?.stringValue == "Allowed: sent.")
            #expect(try await api.send(.patch, "notes?id=eq.1", token: token, body: #"{"state": "sent"}"#).status == .noContent)
            let lacking = try await api.send(.patch, "notes?id=eq.1", token: token, body: #"{"state": "paid"}"#)
            #expect(lacking.status == .forbidden)
            #expect(lacking.json.objectValue?["hint"]?.stringValue == "This takes the role manager.")
            let made = try await api.send(
                .post, "notes", token: token, body: #"{"id": 4, "title": "x", "created_by": "mallory"}"#,
                headers: .prefer("return=representation"))
            #expect(made.rows.first?["created_by"]?.stringValue == "service")
            #expect(
                try await api.send(.post, "notes", token: token, body: #"{"id": 5, "title": "x", "state": "paid"}"#).status == .conflict)
        }
    }
}
