import FoundationEssentials
import HTTPTypes
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Idempotency-Key", .enabled(if: TestDatabase.isConfigured)) struct IdempotencyTests {
    private static let row = #"{"id": 10, "title": "ten"}"#
    private static let replayed = HTTPField.Name("Idempotent-Replayed")

    private static func isReplay(_ answer: ResourceAPIHarness.Answer) -> Bool { replayed.map { answer.headers[$0] == "true" } ?? false }

    @Test("gives a retry the first answer, byte for byte, and one effect") func retry() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let headers: HTTPFields = [.idempotencyKey: "k1", .prefer: "return=representation"]
            let first = try await api.send(.post, "notes", token: token, body: Self.row, headers: headers)
            #expect(first.status == .created)
            #expect(!Self.isReplay(first))
            // What happened since does not show.
            _ = try await api.send(.patch, "notes?id=eq.10", token: token, body: #"{"title": "later"}"#)
            for _ in 0..<2 {
                let again = try await api.send(.post, "notes", token: token, body: Self.row, headers: headers)
                #expect(again.status == .created)
                #expect(again.body == first.body)
                #expect(again.headers[.eTag] == first.headers[.eTag])
                #expect(again.headers[.contentType] == first.headers[.contentType])
                #expect(Self.isReplay(again))
            }
            let other = try await api.send(
                .post, "notes", token: token, body: #"{"id": 11, "title": "x"}"#,
                headers: [.idempotencyKey: "k2", .prefer: "return=headers-only"])
            let retried = try await api.send(
                .post, "notes", token: token, body: #"{"id": 11, "title": "x"}"#,
                headers: [.idempotencyKey: "k2", .prefer: "return=headers-only"])
            #expect(other.headers[.location] == "/api/v1/notes?id=eq.11")
            #expect(retried.headers[.location] == other.headers[.location])
            #expect(retried.body.isEmpty)
        }
    }

    @Test("is the subject's own in its tenant") func isolation() async throws {
        try await BeyondFixture.with { api in
            let (acme, globex) = (try api.token(api.acme), try api.token(api.globex))
            for token in [acme, globex] {
                let answer = try await api.send(.post, "notes", token: token, body: Self.row, headers: [.idempotencyKey: "shared"])
                #expect(answer.status == .created)
                #expect(!Self.isReplay(answer))
            }
            #expect(try await api.ids("notes?id=eq.10", token: globex) == [10])
            // Another subject's request runs, and meets the row.
            let (subject, policies) = try await api.database.withPool(role: "sallyport_api") { postgres async throws in
                let mine = FeatureSettings.make(TestDatabase.acme, subject: "service")
                let theirs = FeatureSettings.make(TestDatabase.acme, subject: "other")
                let count: SQL = "SELECT count(*) FROM sallyport.idempotency_key"
                return (
                    try await postgres.query(count, settings: mine)[0].decode(Int.self),
                    try await postgres.query(count, settings: theirs)[0].decode(Int.self)
                )
            }
            #expect(subject == 1)
            #expect(policies == 0)
        }
    }

    @Test("is not reused for another request, and not spent by a refused one") func misuse() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let key: HTTPFields = [.idempotencyKey: "k"]
            let refused = try await api.send(.post, "notes", token: token, body: #"{"id": 1, "title": "there is one"}"#, headers: key)
            #expect(refused.status == .conflict)
            #expect(try await api.send(.post, "notes", token: token, body: Self.row, headers: key).status == .created)
            for (method, path, body, headers) in [
                (HTTPRequest.Method.post, "notes", #"{"id": 11, "title": "ten"}"#, key), (.post, "notes?select=id", Self.row, key),
                (.post, "lines", Self.row, key),
                (.put, "notes?id=eq.10", Self.row, key),
                (.post, "notes", Self.row, [.idempotencyKey: "k", .prefer: "resolution=merge-duplicates"]),
            ] {
                let answer = try await api.send(method, path, token: token, body: body, headers: headers)
                #expect(answer.status == .unprocessableContent || answer.code == "PGRST204", "\(path) \(body): \(answer.body)")
            }
            for wrong in ["", String(repeating: "k", count: 256)] {
                #expect(
                    try await api.send(.post, "notes", token: token, body: Self.row, headers: [.idempotencyKey: wrong]).status
                        == .badRequest, "\(wrong)")
            }
            // The scope is looked at first.
            #expect(
                try await api.send(.post, "notes", token: api.token(api.acme, scope: "notes:read"), body: Self.row, headers: key).status
                    == .forbidden)
        }
    }

    @Test("keeps one of many concurrent duplicates") func race() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            // Without a key of its own each would make a row.
            try await api.database.withPool(role: "sallyport_owner") { postgres in
                _ = try await postgres.query("SELECT sallyport.enable_tenancy('api.lines')")
                try await postgres.execute("CREATE TABLE api.marks (id uuid DEFAULT gen_random_uuid(), text text)")
                _ = try await postgres.query("SELECT sallyport.enable_tenancy('api.marks')")
            }
            try await api.eventually("served") { try await api.send(.get, "marks", token: token).status == .ok }
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await api.send(.post, "marks", token: token, body: #"{"text": "x"}"#, headers: [.idempotencyKey: "one"]).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == .created || $0 == .conflict }, "\(statuses)")
            #expect(statuses.contains(.created))
            #expect(try await api.send(.get, "marks", token: token).rows.count == 1)
            let late = try await api.send(.post, "marks", token: token, body: #"{"text": "x"}"#, headers: [.idempotencyKey: "one"])
            #expect(late.status == .created)
            #expect(Self.isReplay(late))
            #expect(try await api.send(.get, "marks", token: token).rows.count == 1)
        }
    }

    @Test("waits for nobody: who holds the key makes others come again") func held() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let claims = try api.claims(api.acme)
            let lock = try IdempotencyKey(["held"], parts: [], Caller(claims, verifiedAt: 0)).lock
            try await api.database.withPool(role: "sallyport_api") { postgres async throws in
                try await postgres.withTransaction { transaction in
                    #expect(try await transaction.query("SELECT pg_try_advisory_xact_lock(\(lock))")[0].decode(Bool.self))
                    let answer = try await api.send(.post, "notes", token: token, body: Self.row, headers: [.idempotencyKey: "held"])
                    #expect(answer.status == .conflict)
                    #expect(answer.code == "SP409")
                    #expect(answer.headers[.retryAfter] == "1")
                    let other = try await api.send(
                        .post, "notes", token: api.token(api.globex), body: Self.row, headers: [.idempotencyKey: "held"])
                    #expect(other.status == .created)
                }
            }
            #expect(try await api.send(.post, "notes", token: token, body: Self.row, headers: [.idempotencyKey: "held"]).status == .created)
        }
    }

    @Test("forgets after a day, and does not find what has expired") func expiry() async throws {
        try await BeyondFixture.with { api in
            let token = try api.token(api.acme)
            let headers: HTTPFields = [.idempotencyKey: "old", .prefer: "resolution=merge-duplicates"]
            #expect(try await api.send(.post, "notes", token: token, body: Self.row, headers: headers).status == .created)
            try await api.database.withPool(role: "sallyport_owner") { postgres in
                _ = try await postgres.query(
                    "CREATE POLICY test ON sallyport.idempotency_key TO CURRENT_USER USING (true) WITH CHECK (true)")
                let moved = try await postgres.query(
                    """
                    UPDATE sallyport.idempotency_key
                       SET expires_at = now() - interval '1 second',
                           period = floor(extract(epoch FROM now() - interval '1 second') / 86400)::integer
                    """, settings: .tenant(TestDatabase.acme))
                #expect(moved.affectedRows == 1)
            }
            let again = try await api.send(.post, "notes", token: token, body: Self.row, headers: headers)
            #expect(again.status == .ok)
            #expect(!Self.isReplay(again))
        }
    }
}

/// The settings of a request, for a look at the database beside it.
enum FeatureSettings {
    static func make(_ tenant: UUID, subject: String) -> TransactionSettings {
        TransactionSettings.tenant(tenant).adding("sallyport.subject", subject)
    }
}
