import FoundationEssentials
import JSON
import Postgres
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Text that means to become SQL", .enabled(if: TestDatabase.isConfigured)) struct InjectionTests {
    private static let other = TestDatabase.globex.uuidString

    /// What leaves quotes, identifiers, comments, parentheses and parameters behind; what would open another tenant.
    private static let payloads = [
        #"x"; DELETE FROM api.orders; --"#, "x'; DELETE FROM api.orders; --", #"x" OR "1"="1"#, "x' OR '1'='1", "x') OR (true",
        "x)) OR ((true",
        "'||set_config('sallyport.tenant_id','\(other)',false)||'", "\",set_config('sallyport.tenant_id','\(other)',false),\"",
        "x' UNION SELECT name, email, phone, id::text FROM api.customers --", "x/*", "*/x", "x--", "$1", "$$x$$", "\\", "\\'; --", "\\\"",
        "x\u{0}y",
        "x\ny", "\u{ff07} OR 1=1", "\u{2019}", "tenant_id", "\"tenant_id\"", "TENANT_ID", "sallyport.current_tenant()", "t.tenant_id",
        "t.*",
        "t", "t1", "sallyport_source", "body", "count", "pg_sleep(9)", "(SELECT 1)", "null", "current_user", "xmin", "ctid", "tableoid",
        String(repeating: "x", count: 64), String(repeating: "\"", count: 70), "{\"a\":\"'\"}", "{x,\"y'\"}", "%", "_", "E'x'", "U&\"x\"",
    ]

    private enum Position: CaseIterable {
        case table, column, alias, cast, path, textPath, aggregate, filterColumn, operation, value, list, quotedList, anyList, like,
            language, search,
            logicColumn, logicValue, order, orderModifier, embed, hint, embedAlias, embedFilter, limit, offset, range, accept, prefer,
            timeZone, schema, columns, conflict, bodyKey, bodyValue, csvHeader, csvValue, formKey, cursor, updateValue, functionName,
            argumentName, argumentValue, bodyArgument
    }

    private static func encoded(_ text: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-".utf8)
        return text.utf8.map { byte in
            plain.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }

    private static func request(_ position: Position, _ payload: String) -> ResourceRequest {
        let text = encoded(payload)
        var request = ResourceRequest(verb: .read, name: "customers")
        func reading(_ query: String) -> ResourceRequest {
            request.rawQuery = Substring(query)
            return request
        }
        func writing(_ verb: Verb, _ body: String, query: String = "", type: String? = nil) -> ResourceRequest {
            request.verb = verb
            request.body = Array(body.utf8)
            request.contentType = type
            request.prefer = ["return=representation"]
            request.rawQuery = Substring(query)
            return request
        }
        func json(_ text: String) -> String { String(decoding: JSONValue.string(text).serialized(), as: UTF8.self) }
        switch position {
        case .table: return ResourceRequest(verb: .read, name: payload)
        case .column: return reading("select=\(text)")
        case .alias: return reading("select=\(text):name")
        case .cast: return reading("select=name::\(text)")
        case .path: return reading("select=name->\(text)")
        case .textPath: return reading("name->>\(text)=eq.1")
        case .aggregate: return reading("select=name.\(text)()")
        case .filterColumn: return reading("\(text)=eq.1")
        case .operation: return reading("name=\(text).1")
        case .value: return reading("name=eq.\(text)")
        case .list: return reading("name=in.(\(text))")
        case .quotedList: return reading("name=in.(%22\(text)%22)")
        case .anyList: return reading("name=eq(any).{\(text)}")
        case .like: return reading("name=like.\(text)")
        case .language: return reading("name=fts(\(text)).x")
        case .search: return reading("name=fts.\(text)")
        case .logicColumn: return reading("or=(\(text).eq.1,name.eq.2)")
        case .logicValue: return reading("or=(name.eq.\(text),name.eq.2)")
        case .order: return reading("order=\(text)")
        case .orderModifier: return reading("order=name.\(text)")
        case .embed: return reading("select=id,\(text)(id)")
        case .hint: return reading("select=id,orders!\(text)(id)")
        case .embedAlias: return reading("select=id,\(text):orders(id)")
        case .embedFilter: return reading("select=id,orders(id)&orders.\(text)=eq.1")
        case .limit: return reading("limit=\(text)")
        case .offset: return reading("offset=\(text)")
        case .cursor: return reading("order=id&limit=1&after=\(text)")
        case .range:
            request.range = payload
            return request
        case .accept:
            request.accept = [payload]
            return request
        case .prefer:
            request.prefer = [payload]
            return request
        case .timeZone:
            request.prefer = ["timezone=\(payload)"]
            return request
        case .schema:
            request.schema = payload
            return request
        case .columns: return writing(.insert, #"{"name":"x"}"#, query: "columns=\(text)")
        case .conflict:
            var request = writing(.insert, #"{"name":"x"}"#, query: "on_conflict=\(text)")
            request.prefer.append("resolution=merge-duplicates")
            return request
        case .bodyKey: return writing(.insert, "{\(json(payload)): \"x\"}")
        case .bodyValue: return writing(.insert, "{\"name\": \(json(payload))}")
        case .csvHeader: return writing(.insert, "\(payload)\nx", type: "text/csv")
        case .csvValue:
            return writing(.insert, "name\n\"\(payload.replacing("\"", with: "\"\""))\"", type: "text/csv")
        case .formKey: return writing(.insert, "\(text)=x", type: "application/x-www-form-urlencoded")
        case .updateValue: return writing(.update, "{\"phone\": \(json(payload))}", query: "name=eq.nobody")
        case .functionName: return ResourceRequest(verb: .callReading, name: payload)
        case .argumentName: return ResourceRequest(verb: .callReading, name: "echo", rawQuery: Substring("\(text)=1"))
        case .argumentValue: return ResourceRequest(verb: .callReading, name: "echo", rawQuery: Substring("word=\(text)"))
        case .bodyArgument:
            var request = ResourceRequest(verb: .call, name: "echo")
            request.body = Array("{\"word\": \(json(payload))}".utf8)
            return request
        }
    }

    @Test("stays text in every place where a request has some") func everywhere() async throws {
        let setup: [SQL] = [
            "CREATE FUNCTION api.echo(word text) RETURNS text LANGUAGE sql STABLE RETURN word", "SELECT sallyport.expose('api.echo(text)')",
        ]
        try await TestAPI.with(setup: setup) { api async throws in
            let others = try await api.everything(TestDatabase.globex)
            let own = try await api.everything(TestDatabase.acme, ["orders", "order_items"])
            let names = try await api.send(TestDatabase.globex, .read, "customers", "select=id").rows.compactMap { $0["id"]?.stringValue }
            #expect(names.count == 24)
            var successes = 0
            for position in Position.allCases {
                for payload in Self.payloads {
                    let start = ContinuousClock.now
                    let answer = try await api.send(TestDatabase.acme, Self.request(position, payload))
                    #expect(answer.status < 500, "\(position) \(payload): \(answer.text)")
                    #expect(!names.contains(where: answer.text.contains), "\(position) \(payload): \(answer.text)")
                    #expect(ContinuousClock.now - start < .seconds(5), "\(position) \(payload)")
                    if answer.status < 300 { successes += 1 }
                }
                #expect(try await api.everything(TestDatabase.globex) == others, "\(position)")
                #expect(try await api.everything(TestDatabase.acme, ["orders", "order_items"]) == own, "\(position)")
            }
            // Values and aliases are whatever one likes.
            #expect(successes > 300, "\(successes)")
        }
    }

    @Test("is stored and found again as it was sent") func verbatim() async throws {
        try await TestAPI.with { api async throws in
            for payload in Self.payloads where !payload.contains("\u{0}") {
                let made = try await api.send(TestDatabase.acme, Self.request(.bodyValue, payload))
                #expect(made.rows.first?["name"]?.stringValue == payload, "\(made.text)")
                let found = try await api.send(TestDatabase.acme, .read, "customers", "select=name&name=eq.\(Self.encoded(payload))")
                #expect(found.rows.map { $0["name"]?.stringValue } == [payload], "\(found.text)")
                let listed = Self.encoded(payload.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))
                let among = try await api.send(TestDatabase.acme, .read, "customers", "select=name&name=in.(%22\(listed)%22)")
                #expect(among.rows.map { $0["name"]?.stringValue } == [payload], "\(among.text)")
                let unseen = try await api.send(TestDatabase.globex, .read, "customers", "select=name&name=eq.\(Self.encoded(payload))")
                #expect(unseen.rows.isEmpty)
            }
        }
    }
}
