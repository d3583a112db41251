import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("What a refusal names, the token has a scope for", .enabled(if: TestDatabase.isConfigured)) struct HearingTests {
    private static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            for statement: SQL in [
                "CREATE TABLE api.people (id int PRIMARY KEY, salary int, manager int)", "SELECT sallyport.enable_tenancy('api.people')",
                """
                CREATE TABLE api.meetings (tenant_id uuid NOT NULL DEFAULT sallyport.current_tenant(), host int, guest int,
                    PRIMARY KEY (tenant_id, host, guest),
                    CONSTRAINT secret_host FOREIGN KEY (tenant_id, host) REFERENCES api.people (tenant_id, id),
                    CONSTRAINT secret_guest FOREIGN KEY (tenant_id, guest) REFERENCES api.people (tenant_id, id))
                """,
                "SELECT sallyport.enable_tenancy('api.meetings')",
                "CREATE FUNCTION api.bonus(p api.people) RETURNS int LANGUAGE sql IMMUTABLE RETURN p.salary / 10",
                "SELECT sallyport.expose('api.bonus(api.people)')",
                "CREATE FUNCTION api.dismiss(person int, reason text) RETURNS void LANGUAGE sql AS ''",
                "SELECT sallyport.expose('api.dismiss(int, text)')",
                "CREATE FUNCTION api.twice(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a'",
                "CREATE FUNCTION api.twice(a text, secret int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
                "SELECT sallyport.expose('api.twice(int)'), sallyport.expose('api.twice(text, int)')",
            ] { try await postgres.execute(statement) }
        }
    }

    /// Method, path, body; the scope that lets one hear, or another one; what is heard with it.
    private static let requests: [(HTTPRequest.Method, String, String?, String, String)] = [
        (.get, "peopl", nil, "people:read", "Perhaps you meant the table 'api.people'"),
        (.options, "peopl", nil, "people:delete", "Perhaps you meant the table 'api.people'"),
        (.post, "peopl", "{}", "people:write", "Perhaps you meant the table 'api.people'"),
        (.get, "peopl/export", nil, "people:read", "Perhaps you meant the table 'api.people'"),
        (.get, "people?select=salry", nil, "people:read", "people.salary"),
        (.get, "people?salry=eq.1", nil, "people:read", "people.salary"),
        (.get, "people?order=salry", nil, "people:read", "people.salary"),
        (.head, "people?select=salry", nil, "people:read", ""),
        (.get, "people/export?select=salry", nil, "people:read", "people.salary"),
        (.get, "people?after=WyIxIiwiMiJd&order=id", nil, "people:read", "PGRST100"),
        (.post, "people", #"{"salry":1}"#, "people:write", "PGRST204"),
        (.post, "people?on_conflict=salry", #"{"id":1}"#, "people:write", ""),
        (.put, "people?salary=eq.1", "{}", "people:write", "PGRST105"),
        (.patch, "people?salry=eq.1", #"{"id":1}"#, "people:write", "people.salary"),
        (.patch, "people?id=eq.1&select=salry", #"{"id":1}"#, "people:write", "people.salary"),
        (.delete, "people?salry=eq.1", nil, "people:delete", "people.salary"),
        (.delete, "people?deleted=is.true&salry=eq.1", nil, "people:purge", ""),
        (.post, "people/restore?id=eq.1", nil, "people:delete", "0A000"),
        (.post, "rpc/dismis", "{}", "dismiss:execute", "api.dismiss"),
        (.post, "rpc/dismiss", #"{"persn":1}"#, "dismiss:execute", "dismiss(person, reason)"),
        (.get, "rpc/twice?a=1", nil, "twice:execute", "secret => integer"),
        (.get, "customers?select=id,order_itens(id)", nil, "customers:read", "PGRST200"),
        (.get, "people?select=bonu", nil, "people:read bonus:execute", "people.bonus"),
    ]

    @Test("with the scope it is as helpful as PostgREST, without it the scope is all that is named") func hints() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            for (method, path, body, scope, told) in Self.requests {
                let other = try await api.send(method, path, token: api.token(api.acme, scope: "currencies:read"), body: body)
                for name in ["salary", "secret", "reason", "manager", "meetings", "bonus(", "Perhaps"] where !path.contains(name) {
                    #expect(!other.body.contains(name), "\(method) \(path): \(other.body)")
                }
                #expect(other.status == .forbidden || other.status == .notFound, "\(method) \(path): \(other.body)")
                for tenant in [api.acme, api.globex] {
                    let answer = try await api.send(method, path, token: api.token(tenant, scope: scope), body: body)
                    #expect(answer.status != .forbidden, "\(method) \(path)")
                    #expect(told.isEmpty || answer.body.contains(told), "\(method) \(path): \(answer.body)")
                }
                #expect(try await api.send(method, path, token: api.token(api.acme), body: body).status != .forbidden)
            }
        }
    }

    @Test("a name that exists and one that does not read alike to who has no scope") func existence() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let stranger = try api.token(api.acme, scope: "customers:read")
            func refusal(_ path: String) async throws -> String { try await api.send(.get, path, token: stranger).body }
            for (one, other) in [
                ("people?select=salary", "people?select=nosuch"), ("people?salary=eq.1", "people?nosuch=eq.1"),
                ("people?order=salary", "people?order=nosuch"), ("people?select=meetings!secret_host(host)", "people?select=nosuch(id)"),
                ("people?select=bonus", "people?select=nosuch"), ("rpc/dismiss?person=1", "rpc/dismiss?nosuch=1"),
            ] {
                #expect(try await refusal(one) == (try await refusal(other)), "\(one)")
            }
            // A hint never names what is computed by a function that the token may not call.
            let reader = try api.token(api.acme, scope: "people:read")
            let column = try await api.send(.get, "people?select=bonu", token: reader)
            #expect(column.code == "42703" && !column.body.contains("bonus"))
            // The next best is named where the best may not be.
            let table = try await api.send(.get, "meetins", token: api.token(api.acme, scope: "people:read"))
            #expect(table.code == "PGRST205" && table.json.objectValue?["hint"]?.isNull == true)
        }
    }

    @Test("what is embedded is named to who may read it") func embedding() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            func body(_ scope: String, _ path: String) async throws -> ResourceAPIHarness.Answer {
                try await api.send(.get, path, token: api.token(api.acme, scope: scope))
            }
            // Two ways through the junction, and two to it.
            let all = try await body("people:read meetings:read", "people?select=id,people!meetings(id)")
            #expect(all.code == "PGRST201" && all.body.contains("secret_host") && all.body.contains("people!secret_guest"))
            let narrow = try await body("people:read", "people?select=id,people!meetings(id)")
            #expect(narrow.status == .forbidden && !narrow.body.contains("secret"))
            let direct = try await body("people:read meetings:read", "people?select=id,meetings(host)")
            #expect(direct.code == "PGRST201" && direct.body.contains("meetings!secret_host"))
            let near = try await body("people:read", "people?select=id,meetins(host)")
            #expect(near.code == "PGRST200" && !near.body.contains("meetings"))
            #expect(
                try await body("people:read meetings:read", "people?select=id,meetins(host)").body.contains("Perhaps you meant 'meetings'"))
            let inside = try await body("meetings:read", "meetings?select=people!secret_host(salry)")
            #expect(inside.status == .forbidden && !inside.body.contains("salary"))
            #expect(inside.headers[.wwwAuthenticate]?.contains("scope=\"people:read\"") == true)
            let order = try await body("meetings:read", "meetings?select=people!secret_host()&order=people(salry)")
            #expect(order.status == .forbidden && !order.body.contains("salary"))
            let seen = try await body("meetings:read people:read", "meetings?select=people!secret_host(salry)")
            #expect(seen.body.contains("people.salary"))
        }
    }

    @Test("a batch says no more") func batch() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let body = #"{"operations":[{"method":"GET","path":"/people?select=salry"}]}"#
            let stranger = try await api.send(.post, "batch", token: api.token(api.acme, scope: "customers:read"), body: body)
            #expect(stranger.status == .forbidden && !stranger.body.contains("salary"))
            let reader = try await api.send(.post, "batch", token: api.token(api.acme, scope: "people:read"), body: body)
            #expect(reader.code == "42703" && reader.body.contains("people.salary") && reader.json.objectValue?["index"] == 0)
        }
    }
}
