import JSON
import OAuth

extension OpenAPIDocument {
    /// `rpc.name`: the named arguments; of several overloads one of theirs.
    func schemas(of overloads: [Function]) -> [(String, JSONValue)] {
        guard let name = overloads.first?.name else { return [] }
        let named = overloads.filter { $0.unnamedParameter == nil }.map(arguments)
        return named.isEmpty ? [] : [(Self.component("rpc", name), named.count == 1 ? named[0] : ["anyOf": .array(named)])]
    }

    private func arguments(_ function: Function) -> JSONValue {
        var schema: JSONObject = [
            "type": "object",
            "properties": .object(
                JSONObject(
                    function.parameters.filter { !$0.name.isEmpty }.map { ($0.name, .object(TypeSchema.make($0.type, isNullable: true))) })),
        ]
        let required = function.parameters.filter { !$0.hasDefault && !$0.isVariadic && !$0.name.isEmpty }
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0.name) }) }
        return Self.described(schema, function.comment)
    }

    func paths(of overloads: [Function]) -> [(String, JSONValue)] {
        guard let first = overloads.first else { return [] }
        var item: [(String, JSONValue)] = []
        // A function that may write is not for GET.
        let reading = overloads.filter { $0.volatility != .volatile && $0.unnamedParameter == nil }
        if !reading.isEmpty { item.append(("get", operation("get", first, reading, parameters: arguments(reading)))) }
        var post = operation("post", first, overloads, parameters: bounds)
        if case .object(var object) = post {
            object["requestBody"] = body(overloads, first.name)
            post = .object(object)
        }
        item.append(("post", post))
        return [("/rpc/" + PercentCoding.encode(first.name), .object(JSONObject(item)))]
    }

    private func operation(_ method: String, _ function: Function, _ overloads: [Function], parameters: [JSONValue]) -> JSONValue {
        var object: JSONObject = [
            "operationId": .string("\(method) rpc \(function.name)"), "summary": .string("Call \(function.name)"),
            "tags": [.string("rpc/\(function.name)")], "security": security("execute", on: function.name),
        ]
        if !parameters.isEmpty { object["parameters"] = .array(parameters) }
        object["responses"] = responses(overloads, isReading: method == "get")
        return Self.described(object, function.comment)
    }

    /// What shapes a result.
    private var bounds: [JSONValue] {
        let profile = catalog.schemas.count > 1 ? ["Content-Profile"] : []
        return (["select", "and", "or", "order", "limit", "offset", "PreferRead"] + profile).map { Self.reference("parameters", $0) }
    }

    /// The arguments of all overloads, each once; required where none can do without.
    private func arguments(_ overloads: [Function]) -> [JSONValue] {
        var names: [String] = []
        for parameter in overloads.flatMap(\.parameters) where !parameter.name.isEmpty && !names.contains(parameter.name) {
            names.append(parameter.name)
        }
        let reserved: Set<String> = ["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"]
        let arguments: [JSONValue] = names.filter { !reserved.contains($0) }.map { name in
            let all = overloads.map { $0.parameters.first { $0.name == name } }
            let isRequired = all.allSatisfy { $0.map { !$0.hasDefault && !$0.isVariadic } ?? false }
            let type = all.compactMap(\.self).first?.type ?? "text"
            return [
                "name": .string(name), "in": "query", "required": .bool(isRequired), "schema": ["type": "string"],
                "description": .string("Argument, of type \(type)."),
            ]
        }
        return arguments + bounds
    }

    private func body(_ overloads: [Function], _ name: String) -> JSONValue {
        var content: [(String, JSONValue)] = []
        if overloads.contains(where: { $0.unnamedParameter == nil }) {
            content.append(("application/json", ["schema": Self.reference("schemas", Self.component("rpc", name))]))
        }
        for type in overloads.compactMap(\.unnamedParameter?.type) {
            switch type {
            case "json", "jsonb": if content.isEmpty { content.append(("application/json", ["schema": [:]])) }
            case "text": content.append(("text/plain", ["schema": ["type": "string"]]))
            case "bytea": content.append(("application/octet-stream", ["schema": ["type": "string"]]))
            case "xml": content.append(("text/xml", ["schema": ["type": "string"]]))
            default: break
            }
        }
        let isRequired = overloads.allSatisfy { $0.parameters.contains { !$0.hasDefault && !$0.isVariadic } }
        if content.isEmpty { content.append(("application/json", ["schema": ["type": "object"]])) }
        return ["required": .bool(isRequired), "content": .object(JSONObject(content))]
    }

    private func responses(_ overloads: [Function], isReading: Bool) -> JSONValue {
        var responses: [(String, JSONValue)] = []
        let results = overloads.compactMap(result)
        if let first = results.first {
            let schema = results.allSatisfy { $0 == first } ? first : ["anyOf": .array(results)]
            let headers = ["Content-Range", "Preference-Applied"].map { ($0, Self.reference("headers", $0)) }
            responses.append(
                (
                    "200",
                    [
                        "description": "What the function returned.", "headers": .object(JSONObject(headers)),
                        "content": ["application/json": ["schema": schema]],
                    ]
                ))
        }
        if overloads.contains(where: { $0.result == .void }) { responses.append(("204", ["description": "Done."])) }
        let refusals = ["300", "400", "401", "403", "404", "405", "406", "409"] + (isReading ? [] : ["415"]) + ["500", "503", "504"]
        return .object(JSONObject(responses + refusals.map { ($0, Self.reference("responses", $0)) }))
    }

    /// Nil for none.
    private func result(_ function: Function) -> JSONValue? {
        let one: JSONValue
        switch function.result {
        case .void: return nil
        case .scalar(let type): one = .object(TypeSchema.make(type, isNullable: !function.returnsSet))
        case .relation(let id):
            guard let table = catalog.table(id), table.schema == schema, rights.reads(table) else {
                one = ["type": "object"]
                break
            }
            one = Self.reference("schemas", Self.component(table.name))
        case .columns(let columns):
            let members = columns.map {
                ($0.name, JSONValue.object(TypeSchema.make($0.type, kind: $0.kind, labels: $0.enumLabels, isNullable: true)))
            }
            one = ["type": "object", "properties": .object(JSONObject(members))]
        }
        return function.returnsSet ? ["type": "array", "items": one] : one
    }
}
