import JSON
import OAuth

extension OpenAPIDocument {
    // MARK: Schemas

    /// `customers`: a row as it is read; `customers.new` and `customers.change`: as it is written.
    func schemas(of table: Table) -> [(String, JSONValue)] {
        let operations = rights.operations(on: table)
        var schemas: [(String, JSONValue)] = []
        if operations.contains(.read) {
            schemas.append(
                (Self.component(table.name), row(of: table, columns: table.columns, required: [], computed: computed(of: table))))
        }
        let writable = table.columns.filter { isWritable($0, in: table) }
        if operations.contains(.insert) || operations.contains(.put) {
            let required = writable.filter { !$0.isNullable && !$0.hasDefault }
            schemas.append((Self.component(table.name, "new"), row(of: table, columns: writable, required: required, .fromJSON)))
        }
        if operations.contains(.update) {
            schemas.append((Self.component(table.name, "change"), row(of: table, columns: writable, required: [], .fromJSON)))
        }
        return schemas
    }

    private func isWritable(_ column: Column, in table: Table) -> Bool {
        !column.isGenerated && column.name != table.features.softDeleteColumn && !table.features.maintainedColumns.contains(column.name)
    }

    /// Functions of the row that the token may call: members where `select` names them.
    private func computed(of table: Table) -> [(String, JSONValue)] {
        (catalog.computedColumns[table.id] ?? []).filter { rights.calls($0) && table.column($0.name) == nil }.map { function in
            var schema: JSONObject = [:]
            if case .scalar(let type) = function.result { schema = TypeSchema.make(type, isNullable: true) }
            schema["readOnly"] = true
            return (function.name, Self.described(schema, function.comment, "Computed: given where select names it."))
        }
    }

    /// - Parameter direction: whether rows are read or written.
    private func row(
        of table: Table, columns: [Column], required: [Column], _ direction: DomainCast.Direction = .toJSON,
        computed: [(String, JSONValue)] = []
    ) -> JSONValue {
        var schema: JSONObject = [
            "type": "object",
            "properties": .object(JSONObject(columns.map { ($0.name, property($0, of: table, direction)) } + computed)),
        ]
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0.name) }) }
        return Self.described(schema, table.comment)
    }

    private func property(_ column: Column, of table: Table, _ direction: DomainCast.Direction) -> JSONValue {
        // What a developer's function makes of a value, or takes for one, no type tells.
        let isPlain = column.cast(direction) == nil
        var schema: JSONObject = [:]
        if isPlain {
            schema = TypeSchema.make(column.type, kind: column.kind, labels: column.enumLabels, isNullable: column.isNullable)
        }
        var notes: [String?] = [column.comment]
        if table.primaryKey.contains(column.name) { notes.append("Primary key.") }
        notes += targets(of: column, in: table).map { "Foreign key to \($0)." }
        if let workflow = table.features.workflow, workflow.column == column.name {
            notes += workflow.transitions.filter { !$0.key.isEmpty }.sorted { $0.key < $1.key }.map { from, to in
                "\(from) → \(to.isEmpty ? "nothing" : to.joined(separator: ", "))"
            }
        }
        if let expression = column.defaultExpression {
            if let value = DefaultValue.constant(expression, schema) {
                schema["default"] = value
            } else {
                notes.append(Self.shown(expression).map { "Default: \($0)" })
            }
        }
        if schema["type"] == nil || column.type.contains("numeric(") { notes.append("PostgreSQL type: \(column.type)") }
        if !isWritable(column, in: table) { schema["readOnly"] = true }
        let text = notes.compactMap(Self.shown).joined(separator: "\n\n")
        if !text.isEmpty { schema["description"] = .string(text) }
        return .object(schema)
    }

    /// `customers.id`; only of tables that the token may read.
    private func targets(of column: Column, in table: Table) -> [String] {
        var targets: [String] = []
        for relationship in catalog.relationships[table.id] ?? [] {
            let pairs: [Relationship.ColumnPair]
            switch relationship.cardinality {
            case .manyToOne(_, let columns), .oneToOne(_, let columns, isParent: false): pairs = columns
            default: continue
            }
            guard let other = catalog.table(relationship.target), rights.reads(other) else { continue }
            for pair in pairs where pair.local == column.name {
                let target = "\(other.name).\(pair.foreign)"
                if !targets.contains(target) { targets.append(target) }
            }
        }
        return targets
    }

    // MARK: Parameters

    /// One filter for each column, shared by the operations.
    func filters(of table: Table) -> [(String, JSONValue)] {
        table.columns.map { column in
            let example = column.type == "uuid" ? "eq.00000000-0000-0000-0000-000000000000" : "eq.…"
            return (
                Self.component(table.name, column.name),
                [
                    "name": .string(Self.parameterName(column.name)), "in": "query", "schema": ["type": "string"],
                    "description": .string("Only rows where \(column.name) is so: `operator.value`, such as `\(example)`."),
                ]
            )
        }
    }

    /// As the grammar takes it: reserved words and odd characters stand between quotes.
    private static func parameterName(_ column: String) -> String {
        let isPlain = column.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
                true
            default: false
            }
        }
        let reserved: Set<String> = ["select", "columns", "on_conflict", "order", "limit", "offset", "and", "or"]
        if isPlain, !reserved.contains(column) { return column }
        return "\"" + column.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private func parameters(_ operation: TableOperation, on table: Table) -> JSONValue {
        var filters = table.columns.map { Self.component(table.name, $0.name) }
        if table.features.softDeleteColumn != nil { filters.append("deleted") }
        filters += ["and", "or"]
        var condition = ["If-Match"]
        if !rights.reads(table) {
            // All else would ask about rows.
            filters = table.primaryKey.map { Self.component(table.name, $0) }
            if table.features.softDeleteColumn != nil, operation == .delete { filters.append("deleted") }
            condition = []
        }
        let shared: [String] =
            switch operation {
            case .read: ["select"] + filters + ["order", "limit", "offset", "after", "Range", "PreferRead", "If-None-Match"]
            case .insert: ["select", "columns", "on_conflict", "PreferInsert", "Idempotency-Key"]
            case .put: ["select"] + table.primaryKey.map { Self.component(table.name, $0) } + ["PreferWrite"] + condition
            case .update: ["select", "columns"] + filters + ["order", "PreferWrite"] + condition
            case .delete: ["select"] + filters + ["order", "PreferWrite"] + condition
            }
        let profile = catalog.schemas.count > 1 ? [operation == .read ? "Accept-Profile" : "Content-Profile"] : []
        return .array((shared + profile).map { Self.reference("parameters", $0) })
    }

    // MARK: Paths

    func paths(of table: Table) -> [(String, JSONValue)] {
        let operations = rights.operations(on: table)
        let path = "/" + PercentCoding.encode(table.name)
        var paths = [(path, JSONValue.object(JSONObject(operations.map { ($0.rawValue, operation($0, on: table)) })))]
        if operations.contains(.read) { paths.append((path + "/export", ["get": export(table)])) }
        if operations.contains(.insert) { paths.append((path + "/import", ["post": importation(table)])) }
        if table.features.softDeleteColumn != nil, operations.contains(.delete) {
            paths.append((path + "/restore", ["post": restoration(table)]))
        }
        return paths
    }

    private func restoration(_ table: Table) -> JSONValue {
        var object = head("restore", table, "delete", "Bring back rows of \(table.name) that were deleted")
        object["parameters"] = parameters(.delete, on: table)
        object["responses"] = responses(.delete, on: table)
        return .object(object)
    }

    /// `GET {table}/export`
    private func export(_ table: Table) -> JSONValue {
        let shared = ["select"] + table.columns.map { Self.component(table.name, $0.name) } + ["and", "or", "order", "limit", "offset"]
        var object = head("export", table, "read", "Read \(table.name) as a file, however large")
        object["parameters"] = .array(shared.map { Self.reference("parameters", $0) })
        let content: JSONValue = [
            "text/csv": ["schema": ["type": "string"]], "application/x-ndjson": ["schema": ["type": "string"]],
        ]
        let refusals = ["400", "401", "403", "404", "406", "500", "503", "504"].map { ($0, Self.reference("responses", $0)) }
        object["responses"] = .object(JSONObject([("200", ["description": "The file.", "content": content])] + refusals))
        return .object(object)
    }

    /// `POST {table}/import`
    private func importation(_ table: Table) -> JSONValue {
        var object = head("import", table, "write", "Add the rows of a file to \(table.name), all or none")
        object["parameters"] = .array(["columns", "on_conflict", "PreferInsert"].map { Self.reference("parameters", $0) })
        object["requestBody"] = [
            "required": true,
            "content": ["text/csv": ["schema": ["type": "string", "description": "A header line with the columns' names."]]],
        ]
        let refusals = ["400", "401", "403", "404", "409", "415", "500", "503", "504"].map { ($0, Self.reference("responses", $0)) }
        let count: JSONValue = ["type": "object", "required": ["count"], "properties": ["count": ["type": "integer"]]]
        let done: JSONValue = ["description": "How many.", "content": ["application/json": ["schema": count]]]
        object["responses"] = .object(JSONObject([("201", done)] + refusals))
        return .object(object)
    }

    private func head(_ verb: String, _ table: Table, _ action: String, _ summary: String) -> JSONObject {
        [
            "operationId": .string("\(verb) \(table.name)"), "summary": .string(summary), "tags": [.string(table.name)],
            "security": security(action, on: table.name),
        ]
    }

    private func operation(_ operation: TableOperation, on table: Table) -> JSONValue {
        var object = head(operation.rawValue, table, operation.action, operation.summary(table.name))
        object["parameters"] = parameters(operation, on: table)
        switch operation {
        case .insert: object["requestBody"] = body(Self.component(table.name, "new"), isMany: true)
        case .put: object["requestBody"] = body(Self.component(table.name, "new"), isMany: false)
        case .update: object["requestBody"] = body(Self.component(table.name, "change"), isMany: false)
        case .read, .delete: break
        }
        object["responses"] = responses(operation, on: table)
        return .object(object)
    }

    private func body(_ component: String, isMany: Bool) -> JSONValue {
        let row = Self.reference("schemas", component)
        let json: JSONValue = isMany ? ["oneOf": [row, ["type": "array", "items": row]]] : row
        var content: JSONObject = ["application/json": ["schema": json]]
        if isMany {
            content["text/csv"] = [
                "schema": ["type": "string", "description": "A header line with the columns' names; NULL without quotes is null."]
            ]
            content["application/x-www-form-urlencoded"] = ["schema": ["type": "object", "additionalProperties": ["type": "string"]]]
        }
        return ["required": true, "content": .object(content)]
    }

    private func responses(_ operation: TableOperation, on table: Table) -> JSONValue {
        func rows(_ description: String, _ headers: [String]) -> JSONValue {
            var response: JSONObject = ["description": .string(description)]
            response["headers"] = .object(JSONObject(headers.map { ($0, Self.reference("headers", $0)) }))
            if rights.reads(table) { response["content"] = OpenAPIParts.content(Self.reference("schemas", Self.component(table.name))) }
            return .object(response)
        }
        func nothing(_ description: String, _ headers: [String]) -> JSONValue {
            [
                "description": .string(description),
                "headers": .object(JSONObject(headers.map { ($0, Self.reference("headers", $0)) })),
            ]
        }
        let applied = ["Content-Range", "Preference-Applied"]
        var responses: [(String, JSONValue)]
        var refusals = ["400", "401", "403", "404", "406"]
        switch operation {
        case .read:
            responses = [
                ("200", rows("The rows.", applied + ["ETag", "Next-Cursor"])),
                ("206", rows("Some of the rows, of a total that was asked for.", applied + ["Next-Cursor"])),
                ("304", ["description": "The row is as If-None-Match knows it."]),
            ]
            refusals += ["300", "416"]
        case .insert:
            responses = [
                ("201", rows("Added; with `return=representation`, the rows.", applied + ["Location"])),
                ("200", rows("Nothing was added, rows that were there have been merged.", applied)),
            ]
            refusals += ["409", "415"]
        case .put:
            responses = [
                ("201", rows("Made; with `return=representation`, the row.", ["Preference-Applied"])),
                ("200", rows("Replaced; the row, with `return=representation`.", ["Preference-Applied"])),
                ("204", nothing("Replaced.", ["Preference-Applied"])),
            ]
            refusals += ["409", "412", "415"]
        case .update:
            responses = [
                ("200", rows("Changed; the rows, with `return=representation`.", applied + ["ETag"])),
                ("204", nothing("Changed.", applied)),
            ]
            refusals += ["409", "412", "415"]
        case .delete:
            responses = [
                ("200", rows("Done; the rows, with `return=representation`.", applied)), ("204", nothing("Done.", applied)),
            ]
            refusals += ["409", "412"]
        }
        responses += (refusals + ["500", "503", "504"]).map { ($0, Self.reference("responses", $0)) }
        return .object(JSONObject(responses))
    }
}
