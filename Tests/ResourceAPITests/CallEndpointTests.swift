import FoundationEssentials
import HTTPTypes
import JSON
import Postgres
import ServiceKit
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

@Suite("Functions over HTTP, as two tenants", .enabled(if: TestDatabase.isConfigured)) struct CallEndpointTests {
    private static let csv: HTTPFields = [.accept: "text/csv"]
    private static let text: HTTPFields = [.accept: "text/plain"]
    private static let own = HTTPField.Name.literal("X-Own")
    private static let counted: HTTPFields = [.prefer: "count=exact"]

    @Test("Arguments come by query, object, array, default and variadic") func arguments() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme)
            func get(_ path: String) async throws -> JSONValue { try await api.send(.get, "rpc/" + path, token: token).json }
            func post(_ path: String, _ body: String?) async throws -> JSONValue {
                try await api.send(.post, "rpc/" + path, token: token, body: body).json
            }
            #expect(try await get("add_them?a=1&b=2") == 3)
            #expect(try await get("add_them?a=1") == 11)
            #expect(try await get("add_them?a=7&a=1") == 11)
            #expect(try await post("add_them", #"{"a":1,"b":2}"#) == 3)
            #expect(try await post("add_them", #"{"b":2,"a":"1"}"#) == 3)
            #expect(try await post("add_them", #"[{"a":1,"b":2},{"a":5,"b":5}]"#) == 3)
            #expect(try await post("add_them?columns=a", #"{"a":1,"b":2,"c":3}"#) == 11)
            #expect(try await post("no_arguments", nil) == "none")
            #expect(try await post("no_arguments", "{}") == "none")
            #expect(try await get("no_arguments") == "none")
            #expect(try await get("joined") == "")
            #expect(try await get("joined?parts=a") == "a")
            #expect(try await get("joined?parts=a&parts=b,c&parts=") == "a|b,c|")
            #expect(try await post("joined", #"{"parts":["a","b"]}"#) == "a|b")
            #expect(try await post("summed", #"{"numbers":[1,2,3]}"#) == 6)
            #expect(try await get("summed?numbers=%7B1,2%7D") == 3)
            #expect(try await get("Quoted%20%22name%22?The%20argument=x") == "x")
            #expect(try await post("Quoted%20%22name%22", #"{"The argument":"y"}"#) == "y")
            #expect(try await post("whole_json", #"{"x":[1,null]}"#) == ["x": [1, .null]])
            #expect(try await post("whole_json", "[1,2]") == [1, 2])
            let plain = try await api.send(
                .post, "rpc/whole_text", token: token, body: "as \"it\" is", headers: [.contentType: "text/plain"])
            #expect(plain.json == #"as "it" is"#)
        }
    }

    @Test("A call that cannot be made is refused before it runs") func refusals() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme)
            for (method, path, body, status, code) in [
                (.get, "add_them", nil, 404, "PGRST202"), (.get, "add_them?a=1&c=2", nil, 404, "PGRST202"),
                (.get, "add_them?a=x", nil, 400, "22P02"), (.post, "add_them", #"{"a":"x"}"#, 400, "22P02"),
                (.post, "add_them", #"{"a":1,"c":2}"#, 404, "PGRST202"), (.post, "add_them", #"{"a":1"#, 400, "PGRST102"),
                (.get, "not_declared", nil, 404, "PGRST202"), (.get, "nowhere", nil, 404, "PGRST202"),
                (.get, "version", nil, 404, "PGRST202"), (.delete, "add_them?a=1", nil, 405, "PGRST101"),
                (.patch, "add_them", "{}", 405, "PGRST101"), (.put, "add_them", "{}", 405, "PGRST101"),
                (.get, "add_them?a=1&select=x", nil, 400, "42703"), (.get, "stats?select=nothing", nil, 400, "42703"),
            ] as [(HTTPRequest.Method, String, String?, Int, String)] {
                let answer = try await api.send(method, "rpc/" + path, token: token, body: body)
                #expect(answer.status.code == status && answer.code == code, "\(method) \(path): \(answer.status) \(answer.json)")
            }
            // Only the overload for integers is declared.
            #expect(try await api.send(.get, "rpc/chosen?a=5", token: token).json == "integer")
            #expect(try await api.send(.post, "rpc/chosen", token: token, body: #"{"a":"5"}"#).json == "integer")
            #expect(try await api.send(.get, "rpc/chosen?a=five", token: token).code == "22P02")
        }
    }

    @Test("The result's kind decides the answer's form") func results() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme)
            func get(_ path: String, _ headers: HTTPFields = [:]) async throws -> ResourceAPIHarness.Answer {
                try await api.send(.get, "rpc/" + path, token: token, headers: headers)
            }
            #expect(try await get("numbers?n=3").json == [1, 2, 3])
            #expect(try await get("numbers?n=0").json == [])
            #expect(try await get("numbers?n=9&limit=2&offset=3").json == [4, 5])
            let page = try await get("numbers?n=9&limit=2&offset=3", Self.counted)
            #expect(page.status == .partialContent && page.headers[.contentRange] == "3-4/9")
            #expect(try await get("null_text").json == .null)
            #expect(try await get("extremes").json == ["low": 1, "high": 9])
            #expect(try await get("extremes?select=top:high").json == ["top": 9])
            #expect(try await get("one_column").json == [["word": "a"], ["word": "b"]])
            let none = try await api.send(.post, "rpc/nothing", token: token)
            #expect(none.status == .noContent && none.headers[.contentType] == nil && none.body.isEmpty)
            let customer = try await get("first_customer")
            #expect(customer.json.objectValue?["id"]?.stringValue != nil && customer.json.objectValue?["tenant_id"] == nil)
            #expect(try await get("no_customer?select=name").json == ["name": .null])
            let csv = try await get("stats?order=word.desc&select=word,number", Self.csv)
            #expect(csv.headers[.contentType] == "text/csv; charset=utf-8" && csv.body == "word,number\nb,2\na,1")
            let text = try await get("joined?parts=a&parts=b", Self.text)
            #expect(text.headers[.contentType] == "text/plain; charset=utf-8" && text.body == "a|b")
            #expect(try await get("stats", Self.text).status == .notAcceptable)
            let bytes = try await get("bytes", [.accept: "application/octet-stream"])
            #expect(bytes.headers[.contentType] == "application/octet-stream" && bytes.body == "\u{1}A")
            let single = try await get("stats?word=eq.a", [.accept: "application/vnd.pgrst.object+json"])
            #expect(single.json == ["word": "a", "number": 1])
            let several = try await get("stats", [.accept: "application/vnd.pgrst.object+json"])
            #expect(several.status == .notAcceptable && several.code == "PGRST116")
            let head = try await api.send(.head, "rpc/numbers?n=4", token: token, headers: Self.counted)
            #expect(head.status == .ok && head.headers[.contentRange] == "0-3/4" && head.body.isEmpty)
        }
    }

    @Test("Rows of a table are selected, filtered, ordered, limited and embedded, inside the tenant") func tables() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            var seen: [Set<String>] = []
            for tenant in [api.acme, api.globex] {
                let token = try api.token(tenant)
                let all = try await api.send(.get, "rpc/all_customers?select=id", token: token, headers: Self.counted)
                #expect(all.headers[.contentRange] == "0-23/24")
                seen.append(Set(all.rows.compactMap { $0["id"]?.stringValue }))
                let page = try await api.send(
                    .post,
                    "rpc/all_customers?select=id,name,orders(status,customers(id))&orders.limit=1&order=name.desc&limit=2&email=not.is.null",
                    token: token, body: "{}")
                #expect(page.rows.count == 2)
                for row in page.rows {
                    for order in row["orders"]?.arrayValue ?? [] {
                        #expect(order.objectValue?["customers"]?.objectValue?["id"] == row["id"])
                    }
                }
                let names = page.rows.compactMap { $0["name"]?.stringValue }
                #expect(names == names.sorted(by: >))
                #expect(try await api.send(.get, "rpc/all_customers?select=tenant_id", token: token).status == .badRequest)
                let whole = try await api.send(.get, "rpc/all_customers?limit=1", token: token)
                #expect(whole.rows.first?["tenant_id"] == nil && whole.rows.first?.count == 4)
            }
            #expect(seen[0].count == 24 && seen[0].isDisjoint(with: seen[1]))
        }
    }

    @Test("A scope for the function is needed, and for what is embedded, not for its own rows") func scopes() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme, scope: "all_customers:execute")
            #expect(try await api.send(.get, "rpc/all_customers", token: token).status == .ok)
            let embedding = try await api.send(.get, "rpc/all_customers?select=id,orders(id)", token: token)
            #expect(embedding.status == .forbidden)
            #expect(embedding.headers[.wwwAuthenticate]?.contains("scope=\"orders:read\"") == true)
            let other = try await api.send(.get, "rpc/add_them?a=1", token: token)
            #expect(other.status == .forbidden && other.headers[.wwwAuthenticate]?.contains("scope=\"add_them:execute\"") == true)
            #expect(try await api.send(.get, "rpc/all_customers", token: nil).status == .unauthorized)
            let readable = try api.token(api.acme, scope: "customers:read")
            #expect(try await api.send(.get, "rpc/all_customers", token: readable).status == .forbidden)
        }
    }

    @Test("GET never writes; POST runs once, and what fails leaves nothing") func writing() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme)
            func count() async throws -> String? {
                try await api.send(.head, "customers?name=like.made*", token: token, headers: Self.counted).headers[.contentRange]
            }
            for method in [HTTPRequest.Method.get, .head] {
                let refused = try await api.send(method, "rpc/make_customer?name=made", token: token)
                #expect(refused.status == .methodNotAllowed, "\(method)")
            }
            #expect(try await api.send(.get, "rpc/make_customer?name=made", token: token).code == "25006")
            // It says that it only reads, and is held to it.
            #expect(
                try await api.send(.post, "rpc/make_customer_secretly", token: token, body: #"{"name":"made"}"#).status == .methodNotAllowed
            )
            #expect(try await count() == "*/0")
            let made = try await api.send(.post, "rpc/make_customer", token: token, body: #"{"name":"made"}"#, headers: Self.counted)
            #expect(made.status == .ok && made.json.stringValue != nil)
            #expect(try await count() == "0-0/1")
            let rows = try await api.send(
                .post, "rpc/make_customers?select=name&limit=1", token: token, body: #"{"names":["made 2","made 3"]}"#,
                headers: Self.counted)
            #expect(rows.rows.count == 1 && rows.headers[.contentRange] == "0-0/2")
            #expect(try await count() == "0-2/3")
            for (headers, code) in [(#"{"a":"b"}"#, "PGRST111"), (#"[{"X-A":"b\r\nX-C: d"}]"#, "PGRST111"), ("[", "PGRST111")] {
                let body = JSONObject([("name", "made 4"), ("headers", .string(headers))]).serialized()
                let answer = try await api.send(.post, "rpc/make_and_answer", token: token, body: String(decoding: body, as: UTF8.self))
                #expect(answer.status == .internalServerError && answer.code == code)
            }
            let status = try await api.send(.post, "rpc/make_and_answer", token: token, body: #"{"name":"made 4","status":"99"}"#)
            #expect(status.status == .internalServerError && status.code == "PGRST112")
            let several = try await api.send(
                .post, "rpc/make_customers", token: token, body: #"{"names":["made 5","made 6"]}"#,
                headers: [.accept: "application/vnd.pgrst.object+json"])
            #expect(several.status == .notAcceptable && several.code == "PGRST116")
            #expect(try await count() == "0-2/3")
            #expect(try await api.send(.get, "customers?name=like.made*", token: api.token(api.globex)).rows.isEmpty)
        }
    }

    @Test("A retry under one key has its effect once") func retries() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            for tenant in [api.acme, api.globex] {
                let token = try api.token(tenant)
                func make(_ name: String) async throws -> ResourceAPIHarness.Answer {
                    try await api.send(
                        .post, "rpc/make_and_answer", token: token, body: #"{"name":"\#(name)","status":"201"}"#,
                        headers: [.idempotencyKey: "one"])
                }
                let (first, retry) = (try await make("retried"), try await make("retried"))
                #expect(first.status == .created && retry.status == .created && first.body == retry.body)
                #expect(try await api.send(.get, "customers?name=eq.retried", token: token).rows.count == 1)
                #expect(try await make("other").status == .unprocessableContent)
            }
        }
    }

    @Test("A function sees its request, without credentials, and shapes the answer") func settings() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.globex, scope: "setting:execute make_and_answer:execute")
            func setting(_ name: String, _ headers: HTTPFields = [:]) async throws -> String? {
                try await api.send(.get, "rpc/setting?name=\(name)", token: token, headers: headers).json.stringValue
            }
            #expect(try await setting("request.method") == "GET")
            #expect(try await setting("request.path") == "/api/v1/rpc/setting")
            let headers = try JSONValue(
                parsing: Array(try #require(try await setting("request.headers", [Self.own: "a\"b", .cookie: "s=1"])).utf8)
            ).objectValue
            #expect(headers?["x-own"] == "a\"b")
            #expect(headers?["authorization"] == nil && headers?["cookie"] == nil)
            let claims = try JSONValue(parsing: Array(try #require(try await setting("request.jwt.claims")).utf8)).objectValue
            #expect(claims?["tenant"] == "globex" && claims?["sub"] == "service")
            #expect(try await setting("sallyport.tenant_id") == TestDatabase.globex.uuidString.lowercased())

            let headersJSON = #"[{"X-Own":"1"},{"Set-Cookie":"a=b"},{"Set-Cookie":"c=d"},{"Cache-Control":"max-age=60"}]"#
            let body = JSONObject([("name", "answered"), ("status", "201"), ("headers", .string(headersJSON))]).serialized()
            let answer = try await api.send(.post, "rpc/make_and_answer", token: token, body: String(decoding: body, as: UTF8.self))
            #expect(answer.status == .created && answer.json == "answered")
            #expect(answer.headers[Self.own] == "1")
            #expect(answer.headers[values: .setCookie] == ["a=b", "c=d"])
            #expect(answer.headers[values: .cacheControl] == ["max-age=60"])
            // Not for whoever comes next on the connection.
            let next = try await api.send(.get, "rpc/setting?name=request.method", token: token)
            #expect(next.status == .ok && next.headers[values: .setCookie].isEmpty)
        }
    }

    @Test("What a function raises is what the client reads") func raised() async throws {
        try await ResourceAPIHarness.with(prepare: Self.makeFunctions) { api in
            let token = try api.token(api.acme)
            func raise(_ kind: String) async throws -> ResourceAPIHarness.Answer {
                try await api.send(.get, "rpc/raised?kind=\(kind)", token: token)
            }
            let plain = try await raise("plain")
            #expect(plain.status == .badRequest && plain.code == "P0001" && plain.json.objectValue?["message"] == "no luck")
            let payment = try await raise("pt")
            #expect(payment.status.code == 402 && payment.code == "PT402")
            #expect(payment.json.objectValue?["details"] == "Quota exceeded" && payment.json.objectValue?["hint"] == "Upgrade your plan")
            let own = try await raise("pgrst")
            #expect(own.status.code == 418 && own.code == "123" && own.headers[Self.own] == "tea")
            #expect(own.json.objectValue?["message"] == "Payment Required")
            #expect(try await raise("badpgrst").code == "PGRST121")
            #expect(try await raise("assert").status == .internalServerError)
            let broken = try await raise("broken")
            #expect(broken.status == .notFound && broken.code == "42883")
            #expect(broken.json.objectValue?["message"]?.stringValue?.contains("no_such_function") == true)
            let hidden = try await raise("tenant")
            #expect(hidden.status == .badRequest && !hidden.body.contains("tenant_id"))
        }
    }

    private static func makeFunctions(_ database: TestDatabase) async throws {
        try await database.withPool(role: "sallyport_owner") { postgres in
            _ = try await postgres.execute("DO $do$ BEGIN EXECUTE $script$\(unescaped: functions)$script$; END $do$")
        }
    }

    /// Made by the owner of the demo's tables, and declared but for two.
    private static let functions = #"""
        CREATE FUNCTION api.add_them(a integer, b integer DEFAULT 10) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
        CREATE FUNCTION api.no_arguments() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'none'$$;
        CREATE FUNCTION api.joined(VARIADIC parts text[] DEFAULT '{}') RETURNS text LANGUAGE sql IMMUTABLE
            AS $$SELECT array_to_string(parts, '|')$$;
        CREATE FUNCTION api.summed(numbers integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(n) FROM unnest(numbers) AS n';
        CREATE FUNCTION api."Quoted ""name"""("The argument" text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION api.whole_json(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION api.whole_text(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION api.bytes() RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT '\x0141'::bytea$$;
        CREATE FUNCTION api.null_text() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT NULL::text';
        CREATE FUNCTION api.nothing() RETURNS void LANGUAGE sql AS '';
        CREATE FUNCTION api.numbers(n integer) RETURNS SETOF integer LANGUAGE sql STABLE AS 'SELECT generate_series(1, n)';
        CREATE FUNCTION api.extremes(OUT low integer, OUT high integer) LANGUAGE sql STABLE AS 'SELECT 1, 9';
        CREATE FUNCTION api.one_column() RETURNS TABLE (word text) LANGUAGE sql STABLE AS $$VALUES ('a'), ('b')$$;
        CREATE FUNCTION api.stats() RETURNS TABLE (word text, number integer) LANGUAGE sql STABLE AS $$VALUES ('a', 1), ('b', 2)$$;
        CREATE FUNCTION api.all_customers() RETURNS SETOF api.customers LANGUAGE sql STABLE AS 'SELECT * FROM api.customers';
        CREATE FUNCTION api.first_customer() RETURNS api.customers LANGUAGE sql STABLE AS 'SELECT * FROM api.customers ORDER BY id LIMIT 1';
        CREATE FUNCTION api.no_customer() RETURNS api.customers LANGUAGE sql STABLE AS 'SELECT * FROM api.customers WHERE false';
        CREATE FUNCTION api.make_customer(name text) RETURNS uuid LANGUAGE sql
            AS 'INSERT INTO api.customers (name) VALUES ($1) RETURNING id';
        CREATE FUNCTION api.make_customer_secretly(name text) RETURNS uuid LANGUAGE plpgsql STABLE
            AS $$BEGIN RETURN api.make_customer(name); END$$;
        CREATE FUNCTION api.make_customers(names text[]) RETURNS SETOF api.customers LANGUAGE sql
            AS 'INSERT INTO api.customers (name) SELECT unnest(names) RETURNING *';
        CREATE FUNCTION api.make_and_answer(name text, status text DEFAULT '', headers text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM api.make_customer(name);
                PERFORM set_config('response.status', status, true), set_config('response.headers', headers, true);
                RETURN name;
            END$$;
        CREATE FUNCTION api.setting(name text) RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting($1, true)';
        CREATE FUNCTION api.raised(kind text) RETURNS text LANGUAGE plpgsql STABLE AS $$
            BEGIN
                CASE kind
                    WHEN 'plain' THEN RAISE EXCEPTION 'no luck';
                    WHEN 'pt' THEN RAISE SQLSTATE 'PT402'
                        USING MESSAGE = 'Payment Required', DETAIL = 'Quota exceeded', HINT = 'Upgrade your plan';
                    WHEN 'pgrst' THEN RAISE SQLSTATE 'PGRST'
                        USING MESSAGE = '{"code":"123","message":"Payment Required","details":"d","hint":"h"}',
                              DETAIL = '{"status":418,"headers":{"X-Own":"tea"}}';
                    WHEN 'badpgrst' THEN RAISE SQLSTATE 'PGRST' USING MESSAGE = 'not JSON', DETAIL = '{"status":418,"headers":{}}';
                    WHEN 'broken' THEN PERFORM no_such_function();
                    WHEN 'assert' THEN ASSERT false, 'a bug';
                    WHEN 'tenant' THEN RAISE EXCEPTION 'column tenant_id is wrong';
                END CASE;
            END$$;
        CREATE FUNCTION api.not_declared() RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'no'$$;
        CREATE FUNCTION api.chosen(a integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'integer'$$;
        SELECT sallyport.expose(f.oid::regprocedure)
          FROM pg_proc AS f
         WHERE f.pronamespace = 'api'::regnamespace AND f.proname <> 'not_declared';
        CREATE FUNCTION api.chosen(a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'text'$$;
        """#
}
