import FoundationEssentials
import HTTPTypes
import JSON
import OAuth
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Imports", .enabled(if: TestDatabase.isConfigured)) struct ImportTests {
    private static func importFile(
        _ api: ResourceAPIHarness, _ csv: String, path: String = "customers/import", token: String, headers: HTTPFields = [:]
    ) async throws -> ResourceAPIHarness.Answer {
        var headers = headers
        headers[.contentType] = headers[.contentType] ?? "text/csv"
        return try await api.send(.post, path, token: token, body: csv, headers: headers)
    }

    private static func count(_ api: ResourceAPIHarness, _ token: String) async throws -> String? {
        try await api.send(.head, "customers", token: token, headers: [.prefer: "count=exact"]).headers[.contentRange]
    }

    private static func lines(_ answer: ResourceAPIHarness.Answer) -> [String] {
        (answer.json.objectValue?["lines"]?.arrayValue ?? []).compactMap(\.objectValue).map { line in
            "\(line["line"]?.intValue ?? 0) \(line["column"]?.stringValue ?? "-") \(line["code"]?.stringValue ?? "-")"
        }
    }

    @Test("Every record becomes a row of the tenant: quotes, line ends, null and empty text as they were written") func rows() async throws
    {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme, scope: "customers:write customers:read")
            let csv = "\u{FEFF}name,phone,email\r\n\"Import, \"\"one\"\"\",,\"\"\r\n\nImport two,\"1\n2\",ü@example.com\n"
            let answer = try await Self.importFile(api, csv, token: token)
            #expect(answer.status == .created && answer.json.objectValue?["count"]?.intValue == 2)
            let rows = try await api.send(.get, "customers?select=name,phone,email&name=like.Import*&order=name", token: token).rows
            #expect(rows.map { $0["name"]?.stringValue } == ["Import, \"one\"", "Import two"] || rows.count == 2)
            let first = rows.first { $0["name"]?.stringValue == "Import, \"one\"" }
            #expect(first?["phone"] == .null && first?["email"]?.stringValue == "")
            let second = rows.first { $0["name"]?.stringValue == "Import two" }
            #expect(second?["phone"]?.stringValue == "1\n2" && second?["email"]?.stringValue == "ü@example.com")
            #expect(try await Self.count(api, api.token(api.globex)) == "0-23/24")
        }
    }

    @Test("Each wrong line is told by number and column, and nothing is imported") func faults() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let id = "0190a1b2-0000-4000-8000-00000000000"
            let csv = """
                id,name,email
                \(id)1,fine,
                nonsense,wrong id,
                \(id)2,,no name
                \(id)3,"",empty name
                \(id)4,too,many,fields
                \(id)1,the first one's id,
                "\(id)5","two
                lines",fine
                \(id)6,a"quote,
                \(id)7,fine,
                """
            let answer = try await Self.importFile(api, csv, token: token)
            #expect(answer.status == .badRequest && answer.code == "PGRST102")
            #expect(
                Self.lines(answer) == ["3 id 22P02", "4 - 23502", "5 - 23514", "6 - PGRST102", "7 - 23505", "10 - PGRST102"])
            #expect(try await Self.count(api, token) == "0-23/24")
        }
    }

    @Test("A long file goes in whole; with wrong lines far apart it stays out whole") func longFiles() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            func csv(_ wrong: Set<Int>) -> String {
                "name,id\n" + (2...2600).map { "row \($0),\(wrong.contains($0) ? "x" : "")" }.joined(separator: "\n")
            }
            let refused = try await Self.importFile(api, csv([2, 501, 502, 1700, 2600]).replacing(",\n", with: ",NULL\n"), token: token)
            #expect(refused.status == .badRequest)
            #expect(try await Self.count(api, token) == "0-23/24")
            let names = "name\n" + (2...2600).map { "row \($0)" }.joined(separator: "\n")
            let taken = try await Self.importFile(api, names, token: token)
            #expect(taken.status == .created && taken.json.objectValue?["count"]?.intValue == 2599)
            #expect(try await Self.count(api, token)?.hasSuffix("/2623") == true)
        }
    }

    @Test("Wrong lines are counted up to a hundred") func manyFaults() async throws {
        try await ResourceAPIHarness.with { api in
            let csv = "name,id\n" + (0..<5000).map { "row \($0),x" }.joined(separator: "\n")
            let answer = try await Self.importFile(api, csv, token: api.token(api.acme))
            #expect(answer.status == .badRequest)
            #expect(Self.lines(answer) == (2...101).map { "\($0) id 22P02" })
            #expect(answer.json.objectValue?["message"]?.stringValue?.contains("at least 100") == true)
        }
    }

    @Test("Rows that are there already are merged or passed over where that is preferred") func merging() async throws {
        try await ResourceAPIHarness.with { api in
            let token = try api.token(api.acme)
            let id = try await api.send(.get, "customers?select=id&order=id&limit=1", token: token).rows.first?["id"]?.stringValue ?? ""
            let csv = "id,name\n\(id),merged\n"
            #expect(try await Self.importFile(api, csv, token: token).status == .badRequest)
            for (resolution, name) in [("ignore-duplicates", false), ("merge-duplicates", true)] {
                let answer = try await Self.importFile(api, csv, token: token, headers: [.prefer: "resolution=\(resolution)"])
                #expect(answer.status == .created)
                let row = try await api.send(.get, "customers?id=eq.\(id)", token: token).rows.first
                #expect((row?["name"]?.stringValue == "merged") == name)
            }
        }
    }

    private static func readonly(_ api: ResourceAPIHarness) throws -> String {
        var claims = try api.claims(api.acme)
        claims.roles = ["readonly"]
        return try api.issuer.sign(AccessTokenCodec.payload(claims), as: api.acme)
    }

    @Test("A role's ceiling and time hold for imports as for other writes") func limits() async throws {
        let slow: @Sendable (TestDatabase) async throws -> Void = { database in
            try await database.withPool(role: "sallyport_owner") { postgres in
                for statement: SQL in [
                    "CREATE TABLE api.slow (id int PRIMARY KEY)", "SELECT sallyport.enable_tenancy('api.slow')",
                    "CREATE FUNCTION api.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(8); RETURN NEW; END'",
                    "CREATE TRIGGER wait BEFORE INSERT ON api.slow FOR EACH ROW EXECUTE FUNCTION api.wait()",
                ] { try await postgres.execute(statement) }
            }
        }
        for (limits, path, status, code) in [
            (#"{"readonly": {"max_cost": 1}}"#, "customers", 400, "54001"),
            (#"{"readonly": {"statement_timeout_ms": 100}}"#, "slow", 504, "57014"),
        ] {
            try await ResourceAPIHarness.with(environment: ["SALLYPORT_API_ROLE_LIMITS": limits], prepare: slow) { api in
                let csv = path == "slow" ? "id\n1\n" : "name\nx\n"
                let start = ContinuousClock.now
                let answer = try await Self.importFile(api, csv, path: "\(path)/import", token: Self.readonly(api))
                #expect(Int(answer.status.code) == status && answer.code == code, "\(answer.body)")
                #expect(start.duration(to: .now) < .seconds(6))
                // Another role has other limits, and the connection is whole.
                let other = try await Self.importFile(api, "name\nx\n", token: api.token(api.acme))
                #expect(other.status == .created)
            }
        }
    }

    @Test("What is imported is audited with the request's id") func audit() async throws {
        try await BeyondFixture.with { api in
            let answer = try await Self.importFile(api, "id,title\n71,imported\n", path: "notes/import", token: api.token(api.acme))
            #expect(answer.status == .created)
            let known = try await api.database.withPool(role: "sallyport_api") { postgres in
                var settings = TransactionSettings.tenant(TestDatabase.acme)
                settings = settings.adding("sallyport.scopes", "*:*")
                return try await postgres.query(
                    "SELECT COALESCE(request_id, '') FROM sallyport.row_audit WHERE key = '71'", settings: settings
                ).map { try $0.decode(String.self, column: 0) }
            }
            #expect(known.count == 1 && known.first?.isEmpty == false)
        }
    }

    @Test(
        "What is no line's fault is refused at once",
        arguments: [
            ("customers/import", "name\nx\n", "customers:read", "text/csv", 403),
            ("customers/import", "name\nx\n", "*:*", "application/json", 415),
            ("nowhere/import", "name\nx\n", "*:*", "text/csv", 404), ("customers/import", "nothing\nx\n", "*:*", "text/csv", 400),
            ("customers/import", "name,name\nx,y\n", "*:*", "text/csv", 400), ("customers/import", "", "*:*", "text/csv", 400),
            ("customers/import", "tenant_id,name\nx,y\n", "*:*", "text/csv", 400),
            ("customers/import?select=id", "name\nx\n", "*:*", "text/csv", 400),
            ("currencies/import", "code,name\nXXX,x\n", "*:*", "text/csv", 403),
        ])
    func refusals(_ path: String, _ csv: String, _ scope: String, _ type: String, _ status: Int) async throws {
        try await ResourceAPIHarness.with { api in
            let answer = try await Self.importFile(
                api, csv, path: path, token: api.token(api.acme, scope: scope), headers: [.contentType: type])
            #expect(answer.status.code == status)
            #expect(answer.json.objectValue?["lines"] == nil)
        }
    }
}
