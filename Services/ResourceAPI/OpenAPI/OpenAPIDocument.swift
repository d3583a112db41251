import JSON
import OAuth

/// What one token may do with one schema, as an OpenAPI 3.1 document.
///
/// Made from the catalog, which does not know `tenant_id`; a comment or default that speaks of it is left out.
struct OpenAPIDocument: Sendable {
    let catalog: Catalog
    let schema: String
    let claims: AccessTokenClaims

    var rights: OpenAPIRights { OpenAPIRights(scopes: claims.scopes) }

    /// Tables that the token may do something with, by name.
    var tables: [Table] {
        (catalog.tables[schema] ?? [:]).values.filter { !rights.operations(on: $0).isEmpty }.sorted { $0.name < $1.name }
    }

    /// Functions that the token may call, with their overloads, by name.
    var functions: [[Function]] {
        (catalog.functions[schema] ?? [:]).sorted { $0.key < $1.key }.map { $0.value.filter(rights.calls) }.filter { !$0.isEmpty }
    }

    func serialized() -> [UInt8] {
        let (tables, functions) = (tables, functions)
        var schemas: [(String, JSONValue)] = [("Error", OpenAPIParts.errorSchema)]
        var parameters = OpenAPIParts.parameters
        for table in tables {
            schemas += self.schemas(of: table)
            parameters += filters(of: table)
        }
        for overloads in functions { schemas += self.schemas(of: overloads) }
        var paths = tables.flatMap(self.paths) + functions.flatMap(self.paths)
        if !paths.isEmpty { paths.append(("/" + BatchEndpoint.name, ["post": OpenAPIParts.batch])) }
        let document: JSONObject = [
            "openapi": "3.1.0",
            "info": [
                "title": .string("API of \(claims.tenant)"), "version": "1",
                "description": .string(OpenAPIParts.description),
            ],
            "servers": [["url": .string(claims.audience)]],
            "tags": .array(tags(tables, functions)),
            "paths": .object(JSONObject(paths)),
            "components": [
                "schemas": .object(JSONObject(schemas)), "parameters": .object(JSONObject(parameters)),
                "responses": .object(JSONObject(OpenAPIParts.responses)), "headers": .object(JSONObject(OpenAPIParts.headers)),
                "securitySchemes": ["oauth2": securityScheme(scopes(tables, functions))],
            ],
        ]
        return document.serialized()
    }

    private func tags(_ tables: [Table], _ functions: [[Function]]) -> [JSONValue] {
        tables.map { table in
            Self.described(["name": .string(table.name)], table.comment)
        } + functions.compactMap { overloads in overloads.first.map { Self.described(["name": .string("rpc/\($0.name)")], $0.comment) } }
            + (tables.isEmpty && functions.isEmpty ? [] : [["name": "batch"]])
    }

    private func scopes(_ tables: [Table], _ functions: [[Function]]) -> [(String, JSONValue)] {
        var scopes: [(String, JSONValue)] = []
        for table in tables {
            var seen: Set<String> = []
            for operation in rights.operations(on: table) where seen.insert(operation.action).inserted {
                scopes.append(("\(table.name):\(operation.action)", .string(OpenAPIParts.meaning(of: operation.action, on: table.name))))
            }
        }
        return scopes + functions.compactMap { $0.first }.map { ("\($0.name):execute", .string("Call \($0.name)")) }
    }

    private func securityScheme(_ scopes: [(String, JSONValue)]) -> JSONValue {
        let token = JSONValue.string("\(claims.issuer)/oauth2/token")
        let scopes = JSONValue.object(JSONObject(scopes))
        return [
            "type": "oauth2",
            "flows": [
                "clientCredentials": ["tokenUrl": token, "scopes": scopes],
                "authorizationCode": [
                    "authorizationUrl": .string("\(claims.issuer)/oauth2/authorize"), "tokenUrl": token, "refreshUrl": token,
                    "scopes": scopes,
                ],
            ],
        ]
    }

    func security(_ action: String, on resource: String) -> JSONValue {
        [["oauth2": [.string("\(resource):\(action)")]]]
    }

    // MARK: Texts

    /// A developer's words, unless they speak of what is hidden.
    static func shown(_ text: String?) -> String? {
        guard let text, !text.isEmpty, !text.contains("tenant_id"), !text.contains("current_tenant") else { return nil }
        return text
    }

    static func described(_ object: JSONObject, _ texts: String?...) -> JSONValue {
        var object = object
        let text = texts.compactMap(shown).joined(separator: "\n\n")
        if !text.isEmpty { object["description"] = .string(text) }
        return .object(object)
    }

    /// A name for a component, which has only letters, digits, `.`, `_` and `-`: another is written in hexadecimal.
    static func component(_ parts: String...) -> String {
        parts.map { part in
            let isPlain = part.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            return isPlain ? part : "x-" + part.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }.joined(separator: ".")
    }

    static func reference(_ kind: String, _ name: String) -> JSONValue { ["$ref": .string("#/components/\(kind)/\(name)")] }
}
