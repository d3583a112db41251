import JSON

/// The JSON Schema (2020-12) of a PostgreSQL type, as PostgreSQL's own JSON shows its values.
enum TypeSchema {
    /// - Parameters:
    ///   - type: as `format_type` writes it: `numeric(12,2)`, `character varying(20)[]`.
    ///   - kind: what the catalog knows of a type that has no name here, such as a domain.
    ///   - labels: of an enum type.
    static func make(_ type: String, kind: Column.Kind = .other, labels: [String] = [], isNullable: Bool = false) -> JSONObject {
        var schema = plain(type, kind, labels)
        guard isNullable else { return schema }
        if case .string(let name)? = schema["type"] { schema["type"] = [.string(name), "null"] }
        if case .array(let values)? = schema["enum"] { schema["enum"] = .array(values + [.null]) }
        return schema
    }

    private static func plain(_ type: String, _ kind: Column.Kind, _ labels: [String]) -> JSONObject {
        if type.hasSuffix("[]") {
            // An array may hold NULL, and more dimensions than its type says.
            let element = type.hasSuffix("[][]") ? [:] : make(String(type.dropLast(2)), labels: labels, isNullable: true)
            return ["type": "array", "items": .object(element)]
        }
        if !labels.isEmpty { return ["type": "string", "enum": .array(labels.map { .string($0) })] }
        let (name, modifier) = split(type)
        if var known = named(name) {
            if let length = modifier.flatMap(Int64.init), name.hasPrefix("character") { known["maxLength"] = .integer(length) }
            return known
        }
        return switch kind {
        case .text, .tsvector, .range: ["type": "string"]
        case .array: ["type": "array"]
        case .composite: ["type": "object"]
        case .json, .jsonb: [:]
        case .other: name.hasSuffix("range") ? ["type": "string"] : [:]
        }
    }

    private static func named(_ name: String) -> JSONObject? {
        switch name {
        case "smallint": ["type": "integer", "minimum": -32768, "maximum": 32767]
        case "integer": ["type": "integer", "format": "int32"]
        case "bigint": ["type": "integer", "format": "int64"]
        case "numeric": ["type": "number"]
        case "real": ["type": "number", "format": "float"]
        case "double precision": ["type": "number", "format": "double"]
        case "boolean": ["type": "boolean"]
        case "uuid": ["type": "string", "format": "uuid"]
        case "date": ["type": "string", "format": "date"]
        case "timestamp with time zone": ["type": "string", "format": "date-time"]
        case "json", "jsonb": [:]
        case "text", "character varying", "character", "\"char\"", "name", "citext", "bytea", "xml", "interval", "money", "inet", "cidr",
            "macaddr", "macaddr8", "bit", "bit varying", "tsvector", "tsquery", "timestamp without time zone", "time without time zone",
            "time with time zone", "point", "line", "lseg", "box", "path", "polygon", "circle":
            ["type": "string"]
        default: nil
        }
    }

    /// `timestamp(3) with time zone`: the name without its modifier, and the modifier.
    private static func split(_ type: String) -> (name: String, modifier: String?) {
        guard let open = type.firstIndex(of: "("), let close = type[open...].firstIndex(of: ")") else { return (type, nil) }
        return (String(type[..<open] + type[type.index(after: close)...]), String(type[type.index(after: open)..<close]))
    }
}
