import HTTPTypes
import JSON

/// The OpenAPI 3.1 document, made from the table of routes that answers the requests.
struct OpenAPIDocument: Sendable {
    let routes: [AdminRoute]

    /// - Parameter isPlatform: whether this is the system tenant, which has routes of its own.
    func serialized(issuer: String, isPlatform: Bool) -> [UInt8] {
        let routes = routes.filter { isPlatform || !$0.isPlatform }
        var components: [(name: String, schema: Schema)] = []
        ProblemResponse.schema.collect(into: &components)
        var paths = JSONObject()
        for route in routes {
            route.body?.collect(into: &components)
            if let schema = route.success.schema { schema.collect(into: &components) }
            var item = paths["/" + route.path]?.objectValue ?? JSONObject()
            item[route.method.rawValue.lowercased()] = operation(route)
            paths["/" + route.path] = .object(item)
        }
        let scopes = AdminScope.allCases.filter { isPlatform || $0 != .tenants }
        let document: JSONObject = [
            "openapi": "3.1.0",
            "info": [
                "title": "Sallyport administration", "version": "1",
                "description": "Users, roles, clients, keys, sessions, grants and the audit log of one tenant.",
            ],
            "servers": [["url": .string("\(issuer)/admin/v1")]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(JSONObject(components.map { ($0.name, $0.schema.definition) })),
                "responses": [
                    "Problem": [
                        "description": "A refusal (RFC 9457).",
                        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
                    ]
                ],
                "securitySchemes": [
                    "oauth2": [
                        "type": "oauth2",
                        "flows": [
                            "clientCredentials": [
                                "tokenUrl": .string("\(issuer)/oauth2/token"),
                                "scopes": .object(JSONObject(scopes.map { ($0.scope, .string($0.meaning)) })),
                            ]
                        ],
                    ]
                ],
            ],
        ]
        return document.serialized()
    }

    private func operation(_ route: AdminRoute) -> JSONValue {
        var operation: JSONObject = [
            "operationId": .string(route.name),
            "summary": .string(route.summary),
            "tags": [.string(route.scope.rawValue)],
            "security": .array(route.scopes.map { ["oauth2": [.string($0.scope)]] }),
        ]
        var parameters: [JSONValue] = route.parameters.map { name in
            ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string"]]
        }
        parameters += route.query.map { parameter in
            [
                "name": .string(parameter.name), "in": "query", "description": .string(parameter.description),
                "schema": parameter.schema.json,
            ]
        }
        parameters += headers(route)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = route.body {
            operation["requestBody"] = ["required": true, "content": ["application/json": ["schema": body.json]]]
        }
        operation["responses"] = responses(route)
        return .object(operation)
    }

    private func headers(_ route: AdminRoute) -> [JSONValue] {
        func header(_ name: String, _ description: String) -> JSONValue {
            ["name": .string(name), "in": "header", "description": .string(description), "schema": ["type": "string"]]
        }
        switch route.method {
        case .get: return [header("If-None-Match", "Answer 304 where the entity tag is still this.")]
        case .patch, .delete: return [header("If-Match", "Refuse with 412 unless the entity tag is still this.")]
        default: return []
        }
    }

    private func responses(_ route: AdminRoute) -> JSONValue {
        func content(_ schema: Schema, _ description: String) -> JSONValue {
            ["description": .string(description), "content": ["application/json": ["schema": schema.json]]]
        }
        var responses =
            switch route.success {
            case .ok(let schema): JSONObject([("200", content(schema, "Done."))])
            case .created(let schema): JSONObject([("201", content(schema, "Created; Location tells where."))])
            case .noContent: JSONObject([("204", ["description": "Done."])])
            }
        if route.method == .get { responses["304"] = ["description": "Not modified."] }
        responses["default"] = ["$ref": "#/components/responses/Problem"]
        return .object(responses)
    }
}

extension AdminRoute.Success {
    var schema: Schema? {
        switch self {
        case .ok(let schema), .created(let schema): schema
        case .noContent: nil
        }
    }
}
