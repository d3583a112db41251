import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

/// PostgreSQL lets everybody call a new function, and decides itself between functions of one name. Each function here that nobody declared
/// would tell what it must not.
@Suite("A function that nobody declared is not called in place of one that was", .enabled(if: TestDatabase.isConfigured))
struct UndeclaredOverloadTests {
    private static let leak = "AS $$SELECT 'LEAK'$$"

    /// What is declared, what is not, and the calls, which the first one answers or nobody.
    private static let overloads: [(declared: String, undeclared: [String], query: String, body: String?, isAnswered: Bool)] = [
        ("plain(a int)", ["a bigint", "a text", "a numeric", "a anyelement"], "a=1", #"{"a":1}"#, true),
        ("fewer(a int, b int DEFAULT 1)", ["a int"], "a=1", #"{"a":1}"#, false),
        ("fewer_given(a int, b int DEFAULT 1)", ["a int"], "a=1&b=2", #"{"a":1,"b":2}"#, true),
        ("more(a int)", ["a int, b int DEFAULT 1"], "a=1", #"{"a":1}"#, false),
        ("turned(a int, b text)", ["b text, a int"], "a=1&b=x", #"{"a":1,"b":"x"}"#, false),
        ("turned_types(a int, b text)", ["b text, a bigint"], "a=1&b=x", #"{"a":1,"b":"x"}"#, true),
        ("nothing(a int DEFAULT 1)", [""], "", "{}", false),
        ("several(VARIADIC a text[])", ["a text", "a text, b text", "a anyarray"], "a=x&a=y", #"{"a":["x","y"]}"#, true),
        ("domain(a api.short)", ["a text", "a varchar"], "a=x", #"{"a":"x"}"#, true),
        ("letters(a varchar)", ["a text", "a bpchar", "a name"], "a=x", #"{"a":"x"}"#, true),
        ("row(a api.customers)", ["a anyelement", "a json"], "", #"{"a":{"name":"x"}}"#, true),
        ("whole(json)", ["jsonb", "text", "a json, b int"], "", #"{"a":1}"#, true),
    ]

    private static func prepare(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            try await postgres.execute("CREATE DOMAIN api.short AS text")
            for (declared, undeclared, _, _, _) in overloads {
                let name = String(declared.prefix { $0 != "(" })
                try await postgres.execute(
                    "CREATE FUNCTION api.\(unescaped: declared) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'declared'$$")
                try await postgres.execute(
                    """
                    SELECT sallyport.expose(f.oid::regprocedure) FROM pg_proc AS f
                     WHERE f.pronamespace = 'api'::regnamespace AND f.proname = \(name)
                    """)
                for arguments in undeclared {
                    try await postgres.execute(
                        "CREATE FUNCTION api.\(unescaped: name)(\(unescaped: arguments)) RETURNS text LANGUAGE sql STABLE \(unescaped: leak)"
                    )
                }
            }
            // As a column of a table.
            for arguments in ["c api.customers", "c api.customers, d int", "c anyelement", "c json"] {
                let text = arguments == "c api.customers" ? "AS $$SELECT 'declared'$$" : leak
                try await postgres.execute(
                    "CREATE FUNCTION api.column_of(\(unescaped: arguments)) RETURNS text LANGUAGE sql STABLE \(unescaped: text)")
            }
            try await postgres.execute("SELECT sallyport.expose('api.column_of(api.customers)')")
        }
    }

    @Test("however near its arguments are") func overloads() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            for tenant in [api.acme, api.globex] {
                let token = try api.token(tenant)
                for (declared, _, query, body, isAnswered) in Self.overloads {
                    let name = String(declared.prefix { $0 != "(" })
                    var answers = [try await api.send(.post, "rpc/\(name)", token: token, body: body)]
                    if !query.isEmpty || body == "{}" { answers.append(try await api.send(.get, "rpc/\(name)?\(query)", token: token)) }
                    for answer in answers {
                        #expect(!answer.body.contains("LEAK"), "\(declared)")
                        if isAnswered {
                            #expect(answer.json == "declared", "\(declared): \(answer.body)")
                        } else {
                            #expect(answer.status.code == 300 && answer.code == "PGRST203", "\(declared): \(answer.body)")
                        }
                    }
                }
                for path in ["customers?select=column_of&limit=1", "customers?select=n:column_of&column_of=eq.declared&limit=1"] {
                    let column = try await api.send(.get, path, token: token)
                    #expect(column.status == .ok && column.body.contains("declared") && !column.body.contains("LEAK"), "\(column.body)")
                }
            }
        }
    }

    @Test("nor when the declared one is gone, or is declared no more") func gone() async throws {
        try await ResourceAPIHarness.with(prepare: Self.prepare) { api in
            let token = try api.token(api.acme)
            let calls = [("rpc/plain", #"{"a":1}"#), ("rpc/turned_types", #"{"a":1,"b":"x"}"#), ("rpc/letters", #"{"a":"x"}"#)]
            for (path, body) in calls {
                #expect(try await api.send(.post, path, token: token, body: body).json == "declared")
            }
            try await api.database.withPool(role: "sallyport_owner") { postgres in
                try await postgres.execute("SELECT sallyport.unexpose('api.plain(int)')")
                // Nobody announces these, and what is left takes the same arguments.
                try await postgres.execute("DROP FUNCTION api.turned_types(int, text)")
                try await postgres.execute("DROP FUNCTION api.letters(varchar)")
            }
            for (path, body) in calls {
                for _ in 0..<3 {
                    let answer = try await api.send(.post, path, token: token, body: body)
                    #expect(answer.status == .notFound || answer.status == .forbidden, "\(path): \(answer.body)")
                }
            }
        }
    }
}
