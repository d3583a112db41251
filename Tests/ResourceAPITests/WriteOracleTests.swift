import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// Who may write and not read could ask of a column, bit by bit, by what a write says of the rows it found.
@Suite("A right to write tells nothing of rows", .enabled(if: TestDatabase.isConfigured)) struct WriteOracleTests {
    /// Method, path, header, body; whether it asks about rows.
    private static let requests: [(HTTPRequest.Method, String, HTTPFields, String?, Bool)] = [
        (.patch, "notes?id=eq.1", [:], #"{"title":"x"}"#, false),
        (.patch, "notes?id=in.(1,2)", [:], #"{"title":"x"}"#, false),
        (.patch, "notes?id=eq(any).{1,2}", [:], #"{"title":"x"}"#, false),
        (.patch, "notes?id=eq.1&title=like.o*", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?title=like.o*", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?title=eq.one", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=gt.1", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=neq.1", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=not.eq.1", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=not.in.(1,2)", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq(all).{1}", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?or=(id.eq.1,title.like.o*)", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?and=(id.eq.1,title.like.o*)", [:], #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq.1", .prefer("count=exact"), #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq.1", .prefer("count=estimated"), #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq.1", .prefer("handling=strict, max-affected=0"), #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq.1", [.ifMatch: "*"], #"{"title":"x"}"#, true),
        (.patch, "notes?id=eq.1", [.ifMatch: "\"00000000000000000000000000000000\""], #"{"title":"x"}"#, true),
        (.put, "notes?id=eq.1", [:], #"{"id":1,"title":"x"}"#, false),
        (.put, "notes?id=eq.1", [.ifMatch: "\"00000000000000000000000000000000\""], #"{"id":1,"title":"x"}"#, true),
        (.put, "notes?id=eq.9", [.ifNoneMatch: "*"], #"{"id":9,"title":"x"}"#, false),
        (.post, "notes", .prefer("return=headers-only, count=exact"), #"{"id":10,"title":"x"}"#, false),
        (.post, "notes", .prefer("return=headers-only, resolution=merge-duplicates"), #"{"id":1,"title":"x"}"#, false),
        (.post, "coded", .prefer("return=headers-only"), #"{"id":3,"code":"c"}"#, false),
        (.post, "coded?on_conflict=code", .prefer("resolution=merge-duplicates"), #"{"id":4,"code":"c","text":"x"}"#, false),
        (.post, "coded?on_conflict=code", .prefer("return=headers-only, resolution=merge-duplicates"), #"{"code":"a","text":"x"}"#, true),
        (.patch, "plain?a=eq.1&b=eq.2", [:], #"{"body":{}}"#, false),
        (.patch, "plain?a=eq.1", [:], #"{"body":{}}"#, true),
        (.patch, "notes?deleted=is.true", [:], #"{"title":"x"}"#, true),
        (.delete, "notes?id=eq.3&title=eq.three", [:], nil, true),
        (.delete, "notes?id=eq.3", .prefer("count=exact"), nil, true),
        (.delete, "notes?id=eq.3", [:], nil, false),
        (.post, "notes/restore?id=eq.3&title=eq.three", [:], nil, true),
        (.post, "notes/restore?id=eq.3", [:], nil, false),
        (.delete, "notes?id=eq.3", [:], nil, false),
        (.delete, "notes?id=eq.3&deleted=is.true&title=eq.three", [:], nil, true),
        (.delete, "notes?id=eq.3&deleted=is.true", [:], nil, false),
        (.delete, "notes?deleted=is.true", [:], nil, false),
    ]

    private static func prepare(_ database: TestDatabase) async throws {
        try await BeyondFixture.prepare(database)
        try await database.withPool(role: "sallyport_owner") { postgres in
            for statement: SQL in [
                "CREATE TABLE api.coded (id int PRIMARY KEY, code text, text text)", "SELECT sallyport.enable_tenancy('api.coded')",
                "CREATE UNIQUE INDEX ON api.coded (tenant_id, code)",
            ] { try await postgres.execute(statement) }
            for tenant in [TestDatabase.acme, TestDatabase.globex] {
                let rows: SQL = "INSERT INTO api.coded (id, code, text) VALUES (1, 'a', 'first'), (2, 'b', 'second')"
                _ = try await postgres.query(rows, settings: .tenant(tenant))
            }
        }
    }

    @Test("whatever asks about rows beyond their keys takes the right to read, in both tenants") func asking() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            for tenant in [api.acme, api.globex] {
                let writer = try api.token(tenant, scope: "*:write *:delete *:purge")
                for (method, path, headers, body, asks) in Self.requests {
                    let answer = try await api.send(method, path, token: writer, body: body, headers: headers)
                    let table = path.prefix { $0 != "?" && $0 != "/" }
                    if asks {
                        #expect(answer.status == .forbidden, "\(method) \(path) \(headers)")
                        #expect(answer.headers[.wwwAuthenticate]?.contains("scope=\"\(table):read\"") == true, "\(method) \(path)")
                        #expect(answer.headers[.contentRange] == nil)
                    } else {
                        #expect(answer.status.kind == .successful, "\(method) \(path) \(headers): \(answer.body)")
                    }
                }
            }
        }
    }

    @Test("with the right to read nothing changes") func reading() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let token = try api.token(api.acme, scope: "notes:write notes:read")
            let body = #"{"title":"x"}"#
            let one = try await api.send(.patch, "notes?title=like.o*", token: token, body: body, headers: .prefer("count=exact"))
            #expect(one.status == .noContent && one.headers[.contentRange] == "0-0/1")
            let kept = try await api.send(
                .patch, "notes?id=eq.1", token: token, body: body, headers: .prefer("handling=strict, max-affected=0"))
            #expect(kept.status == .badRequest && kept.code == "PGRST124")
            let other = try await api.send(.patch, "notes?id=eq.1", token: token, body: body, headers: [.ifMatch: "\"0\""])
            #expect(other.status == .preconditionFailed)
        }
    }

    @Test("a batch asks for the same") func batch() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let writer = try api.token(api.acme, scope: "notes:write notes:delete")
            for (path, status) in [("/notes?title=eq.one", 403), ("/notes?id=eq.1", 200)] {
                let body = #"{"operations":[{"method":"PATCH","path":"\#(path)","body":{"title":"x"}}]}"#
                #expect(try await api.send(.post, "batch", token: writer, body: body).status.code == status)
            }
        }
    }
}
