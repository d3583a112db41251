import FoundationEssentials
import HTTPTypes
import HummingbirdTesting
import JSON
import NIOCore
import OAuth
import Tenancy
import TestSupport
import Testing

@testable import ResourceAPI

/// A member deep inside; nil where there is none.
extension JSONValue {
    fileprivate func at(_ path: String...) -> JSONValue? {
        path.reduce(self) { value, name in value?.objectValue?[name] }
    }

    fileprivate var names: [String] { objectValue?.members.map(\.name) ?? [] }

    /// Every `$ref` in it.
    fileprivate var references: [String] {
        switch self {
        case .object(let object):
            object.members.flatMap { $0.name == "$ref" ? [$0.value.stringValue ?? ""] : $0.value.references }
        case .array(let elements): elements.flatMap(\.references)
        default: []
        }
    }
}

@Suite("The OpenAPI document of a token") struct OpenAPIDocumentTests {
    private func document(_ scope: String, catalog: Catalog = OpenAPISample.catalog) throws -> JSONValue {
        let claims = AccessTokenClaims(
            issuer: "https://id.example/t/acme", subject: "s", audience: "https://api.example/api/v1", issuedAt: 0, expiresAt: 1,
            tokenID: "t",
            clientID: try #require(ClientID("c")), scopes: try ScopeSet(parsing: scope), tenant: try TenantSlug("acme"),
            tenantID: TenantID(UUID()), roles: [])
        return try JSONValue(parsing: OpenAPIDocument(catalog: catalog, schema: "api", claims: claims).serialized(), maximumDepth: 40)
    }

    @Test(
        "lists the paths and methods that its scopes and the database's privileges allow",
        arguments: [
            (
                "*:*",
                [
                    "/orders": ["get", "post", "put", "patch", "delete"], "/orders/export": ["get"], "/orders/import": ["post"],
                    "/orders/restore": ["post"], "/prices": ["get"], "/prices/export": ["get"], "/rpc/total": ["get", "post"],
                    "/rpc/odd%20one": ["post"], "/odd%20%22table%22%7B%7D": ["get"], "/odd%20%22table%22%7B%7D/export": ["get"],
                ]
            ),
            ("orders:read", ["/orders": ["get"], "/orders/export": ["get"]]),
            ("orders:write", ["/orders": ["post", "put", "patch"], "/orders/import": ["post"]]),
            ("orders:delete", ["/orders": ["delete"], "/orders/restore": ["post"]]),
            ("prices:*", ["/prices": ["get"], "/prices/export": ["get"]]),
            ("prices:write", [:]),
            ("total:execute", ["/rpc/total": ["get", "post"]]),
            (
                "prices:read orders:delete",
                ["/orders": ["delete"], "/orders/restore": ["post"], "/prices": ["get"], "/prices/export": ["get"]]
            ),
            ("orders2:read order:read total:read", [:]),
            ("", [:]),
        ] as [(String, [String: [String]])])
    func rights(scope: String, expected: [String: [String]]) throws {
        let paths = try #require(try document(scope).at("paths"))
        #expect(Set(paths.names) == Set(expected.keys).union(expected.isEmpty ? [] : ["/batch"]))
        for (path, methods) in expected { #expect(Set(paths.at(path)?.names ?? []) == Set(methods), "\(path)") }
    }

    @Test(
        "refers only to what is in it, and names no scope beyond the token's",
        arguments: ["*:*", "orders:read", "orders:write", "total:execute", ""])
    func closed(scope: String) throws {
        let document = try document(scope)
        for reference in document.references {
            let path = reference.split(separator: "/").dropFirst().map(String.init)
            #expect(path.reduce(document as JSONValue?) { $0?.at($1) } != nil, "\(reference)")
        }
        let scopes = document.at("components", "securitySchemes", "oauth2", "flows", "clientCredentials", "scopes")?.names ?? []
        let allowed = try ScopeSet(parsing: scope)
        for scope in scopes {
            let parts = scope.split(separator: ":").map(String.init)
            #expect(parts.count == 2 && allowed.allows(parts[1], on: parts[0]))
        }
    }

    @Test("has no operation twice under one id") func operationIDs() throws {
        let paths = try #require(try document("*:*").at("paths")?.objectValue)
        let ids = paths.members.flatMap { $0.value.objectValue?.members ?? [] }.compactMap { $0.value.at("operationId")?.stringValue }
        #expect(Set(ids).count == ids.count && ids.count > 8)
    }

    @Test("describes columns by their types, keys, defaults and comments") func columns() throws {
        let document = try document("*:*")
        let row = try #require(document.at("components", "schemas", "orders", "properties"))
        #expect(row.at("id", "format") == "uuid")
        #expect(row.at("id", "description")?.stringValue == "Primary key.\n\nDefault: gen_random_uuid()")
        #expect(row.at("status", "enum") == ["new", "paid"])
        #expect(row.at("status", "default") == "new")
        #expect(row.at("note", "type") == ["string", "null"])
        #expect(row.at("note", "maxLength") == 40)
        #expect(row.at("note", "description") == "What to know.")
        #expect(row.at("total", "default") == 0)
        #expect(row.at("price", "description")?.stringValue?.contains("Foreign key to prices.id.") == true)
        #expect(row.at("tags", "items", "type") == ["string", "null"])
        #expect(row.at("sum", "readOnly") == true)
        #expect(document.at("components", "schemas", "orders.new", "required") == ["price"])
        #expect(document.at("components", "schemas", "orders.new", "properties", "sum") == nil)
        #expect(document.at("components", "schemas", "orders.new", "properties", "deleted_at") == nil)
        #expect(document.at("components", "schemas", "orders.change", "required") == nil)
    }

    @Test("does not tell of a table that the token may not read") func foreignKeys() throws {
        let text = String(decoding: try document("orders:*").serialized(), as: UTF8.self)
        #expect(!text.contains("prices"))
    }

    @Test("never speaks of tenant_id, whatever comments and defaults do") func tenantID() throws {
        let text = String(decoding: try document("*:*").serialized(), as: UTF8.self)
        #expect(!text.contains("tenant_id") && !text.contains("current_tenant"))
    }

    @Test("gives functions their arguments and results") func functions() throws {
        let document = try document("*:*")
        let post = try #require(document.at("paths", "/rpc/total", "post"))
        #expect(document.at("components", "schemas", "rpc.total", "required") == ["since"])
        #expect(document.at("components", "schemas", "rpc.total", "properties", "currency", "type") == ["string", "null"])
        #expect(post.at("responses", "200", "content", "application/json", "schema", "type") == ["number", "null"])
        #expect(document.at("paths", "/rpc/total", "get", "parameters")?.arrayValue?.first?.at("name") == "since")
        #expect(document.at("paths", "/rpc/odd%20one", "get") == nil, "it may write")
        #expect(document.at("paths", "/rpc/odd%20one", "post", "responses", "204") != nil)
    }

    @Test("names odd tables and columns so that the grammar reads them") func oddNames() throws {
        let document = try document("*:*")
        #expect(document.at("paths", "/odd%20%22table%22%7B%7D", "get") != nil)
        let parameters = try #require(document.at("components", "parameters")?.objectValue)
        let names = parameters.members.compactMap { $0.value.at("name")?.stringValue }
        #expect(names.contains(#""order""#) && names.contains(#""a\"b""#))
        for name in names where name.hasPrefix("\"") {
            let query = "\(PercentCoding.encode(name))=eq.1"
            #expect(throws: Never.self) { try parse(query) }
        }
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        for kind in ["schemas", "parameters", "responses", "headers"] {
            for name in document.at("components", kind)?.names ?? [] { #expect(name.allSatisfy(allowed.contains), "\(name)") }
        }
    }
}

@Suite("Types and defaults in JSON Schema") struct TypeSchemaTests {
    @Test(
        "follow what PostgreSQL's JSON shows",
        arguments: [
            ("integer", #"{"type":"integer","format":"int32"}"#),
            ("numeric(12,2)", #"{"type":"number"}"#),
            ("character varying(20)", #"{"type":"string","maxLength":20}"#),
            ("character varying(20)[]", #"{"type":"array","items":{"type":["string","null"],"maxLength":20}}"#),
            ("integer[][]", #"{"type":"array","items":{}}"#),
            ("timestamp(3) with time zone", #"{"type":"string","format":"date-time"}"#),
            ("timestamp without time zone", #"{"type":"string"}"#),
            ("jsonb", "{}"),
            ("int4range", #"{"type":"string"}"#),
            ("api.mood", "{}"),
            ("bit(3)", #"{"type":"string"}"#),
        ])
    func types(type: String, schema: String) throws {
        let expected = try JSONValue(parsing: schema)
        #expect(JSONValue.object(TypeSchema.make(type)) == expected)
    }

    @Test(
        "take a default that is one constant",
        arguments: [
            ("'new'::text", "text", "new"), ("'it''s'::character varying(3)", "text", "it's"), ("''::text", "text", ""),
            ("0", "integer", 0),
            ("'-1'::integer", "integer", -1), ("1.5", "numeric", .number(1.5)), ("true", "boolean", true), ("'a'", "text", "a"),
            ("now()", "timestamp with time zone", nil), ("'now'::text", "date", nil), ("'a'::text || 'b'::text", "text", nil),
            ("upper('a'::text)", "text", nil), ("nextval('s'::regclass)", "integer", nil), ("'a", "text", nil), ("NULL::text", "text", nil),
            ("'a'::text;drop", "text", nil), ("'NaN'::numeric", "numeric", nil),
        ] as [(String, String, JSONValue?)])
    func defaults(expression: String, type: String, value: JSONValue?) {
        #expect(DefaultValue.constant(expression, TypeSchema.make(type)) == value)
    }
}

@Suite("The document and its page over HTTP", .enabled(if: TestDatabase.isConfigured)) struct OpenAPIEndpointTests {
    @Test("The document is the token's") func document() async throws {
        try await ResourceAPIHarness.with { api in
            #expect(try await api.send(.get, "", token: nil).status == .unauthorized)
            for tenant in [api.acme, api.globex] {
                let answer = try await api.send(.get, "", token: try api.token(tenant, scope: "customers:read"))
                #expect(answer.status == .ok)
                #expect(answer.headers[.contentType] == "application/openapi+json; charset=utf-8")
                #expect(answer.headers[.cacheControl] == "no-store")
                #expect(answer.json.at("paths")?.names == ["/customers", "/customers/export", "/batch"])
                #expect(answer.json.at("info", "title")?.stringValue == "API of \(tenant)")
                #expect(answer.json.at("servers")?.arrayValue?.first?.at("url")?.stringValue == ResourceAPIHarness.audience)
                let flow = answer.json.at("components", "securitySchemes", "oauth2", "flows", "clientCredentials", "tokenUrl")
                #expect(flow?.stringValue == "\(ResourceAPIHarness.baseURL)/t/\(tenant)/oauth2/token")
            }
            let token = try api.token(api.acme)
            let everything = try await api.send(.get, "", token: token)
            #expect(!String(decoding: everything.json.serialized(), as: UTF8.self).contains("tenant_id"))
            #expect(everything.json.at("paths", "/currencies")?.names == ["get"])
            #expect(try await api.send(.get, "", token: token, headers: [.accept: "text/csv"]).code == "PGRST107")
            #expect(try await api.send(.get, "", token: token, headers: [.accept: "application/openapi+json"]).status == .ok)
            #expect(try await api.send(.get, "", token: token, headers: [.acceptProfile: "sallyport"]).code == "PGRST106")
            #expect(try await api.send(.post, "", token: token, body: "{}").status == .methodNotAllowed)
        }
    }

    @Test("The page needs no token, holds no secret and loads nothing from elsewhere") func page() async throws {
        try await ResourceAPIHarness.with { api in
            for (suffix, type) in [("", "text/html"), ("/docs.js", "text/javascript"), ("/docs.css", "text/css")] {
                try await api.client.execute(uri: "/api/v1/docs\(suffix)", method: .get) { response in
                    #expect(response.status == .ok)
                    #expect(response.headers[.contentType] == "\(type); charset=utf-8")
                    let policy = response.headers[.contentSecurityPolicy] ?? ""
                    #expect(
                        policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'"))
                    #expect(!policy.contains("unsafe") && !policy.contains("http"))
                    let text = String(buffer: response.body)
                    #expect(!text.contains("http://") && !text.contains("https://") && !text.contains("//cdn"))
                    #expect(!text.contains("innerHTML") && !text.contains("localStorage") && !text.contains("sessionStorage"))
                    #expect(!text.contains("@PATH@"))
                }
            }
        }
    }
}

private enum OpenAPISample {
    static let catalog: Catalog = {
        let all = Set(Table.Privilege.allCases)
        var features = Table.Features()
        features.softDeleteColumn = "deleted_at"
        let orders = Table(
            schema: "api", name: "orders", isShared: false, privileges: all,
            columns: [
                column("id", "uuid", default: "gen_random_uuid()"),
                column("status", "api.state", default: "'new'::text", labels: ["new", "paid"]),
                column("note", "character varying(40)", isNullable: true, comment: "What to know."),
                column("total", "numeric(12,2)", default: "0"), column("price", "integer", comment: "Not the tenant_id."),
                column("tags", "text[]", default: "'{}'::text[]"), column("sum", "numeric", isGenerated: true),
                column("deleted_at", "timestamp with time zone", isNullable: true),
                column("owner", "uuid", default: "sallyport.current_tenant()"),
            ], primaryKey: ["id"], comment: "Orders by (tenant_id, id).", features: features)
        let prices = Table(
            schema: "api", name: "prices", isShared: true, privileges: [.select], columns: [column("id", "integer")], primaryKey: ["id"])
        let odd = Table(
            schema: "api", name: #"odd "table"{}"#, isShared: false, privileges: [.select],
            columns: [column("order", "text"), column(#"a"b"#, "text"), column("c d", "api.mood")], primaryKey: [])
        let total = Function(
            schema: "api", name: "total",
            parameters: [
                Function.Parameter(name: "since", type: "date", hasDefault: false, isVariadic: false),
                Function.Parameter(name: "currency", type: "text", hasDefault: true, isVariadic: false),
            ], result: .scalar(type: "numeric"), returnsSet: false, volatility: .stable, isDefiner: false, comment: "What was sold.")
        let oddOne = Function(
            schema: "api", name: "odd one", parameters: [], result: .void, returnsSet: false, volatility: .volatile, isDefiner: false,
            comment: nil)
        let key = Relationship(
            source: orders.id, target: prices.id,
            cardinality: .manyToOne(constraint: "orders_price", [Relationship.ColumnPair(local: "price", foreign: "id")]))
        return Catalog(schemas: ["api"], tables: [orders, prices, odd], relationships: [key], functions: [total, oddOne])
    }()

    private static func column(
        _ name: String, _ type: String, isNullable: Bool = false, default expression: String? = nil, isGenerated: Bool = false,
        comment: String? = nil, labels: [String] = []
    ) -> Column {
        Column(
            name: name, type: type, isNullable: isNullable, hasDefault: expression != nil, isGenerated: isGenerated, comment: comment,
            defaultExpression: expression, enumLabels: labels)
    }
}
