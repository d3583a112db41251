import JSON

/// What the text calls a row.
struct RowName {
    let name: String
    /// Rows of a source that is not a table: the row itself is a column of theirs, ``ReadPlan/wholeRowColumn``.
    var isDerived = false
}

extension StatementBuilder {
    /// - Parameter isCompared: whether the value must be comparable, which `json` is not and `jsonb` is.
    func value(_ value: ReadPlan.Value, of row: RowName, isCompared: Bool = false) -> String {
        var text = base(value.base, of: row)
        guard let last = value.path.last else { return text }
        switch value.base.kind {
        case .jsonb: break
        case .json where last.isText || !isCompared: break
        default: text = "to_jsonb(\(text))"
        }
        for step in value.path {
            text += step.isText ? "->>" : "->"
            switch step.key {
            case .member(let name): text += literal(name.string)
            case .index(let index): text += "(\(index))"
            }
        }
        return "(\(text))"
    }

    private func base(_ base: ReadPlan.Value.Base, of row: RowName) -> String {
        switch base {
        case .column(let column): "\(row.name).\(quoted(column.name))"
        case .computed(let function): "\(quoted(function))(\(wholeRow(row)))"
        }
    }

    /// The row as a value of its table's type.
    func wholeRow(_ row: RowName) -> String {
        row.isDerived ? "\(row.name).\(ReadPlan.wholeRowColumn)" : row.name
    }

    func quoted(_ function: Function) -> String { "\(quoted(function.schema)).\(quoted(function.name))" }

    func aggregate(_ aggregation: ReadPlan.Aggregation?, _ text: String) -> String {
        guard let aggregation else { return text }
        return cast("\(aggregation.function.rawValue)(\(text))", aggregation.cast)
    }

    func cast(_ text: String, _ type: CastType?) -> String { type.map { "\(text)::\($0.sql)" } ?? text }
}

extension ReadPlan.Value.Base {
    var kind: Column.Kind {
        switch self {
        case .column(let column):
            return column.kind
        case .computed(let function):
            guard case .scalar(let type) = function.result else { return .other }
            switch type {
            case "text", "character varying", "character": return .text
            case "json": return .json
            case "jsonb": return .jsonb
            case "tsvector": return .tsvector
            default: return .other
            }
        }
    }
}

extension ReadPlan.Value {
    /// The kind of what the path finds.
    var kind: Column.Kind {
        guard let last = path.last else { return base.kind }
        return last.isText ? .text : .jsonb
    }
}

extension CastType {
    var sql: String {
        switch self {
        case .text: "pg_catalog.text"
        case .varchar: "pg_catalog.varchar"
        case .bool, .boolean: "pg_catalog.bool"
        case .int2, .smallint: "pg_catalog.int2"
        case .int4, .int, .integer: "pg_catalog.int4"
        case .int8, .bigint: "pg_catalog.int8"
        case .numeric, .decimal: "pg_catalog.numeric"
        case .float4, .real: "pg_catalog.float4"
        case .float8, .doublePrecision: "pg_catalog.float8"
        case .date: "pg_catalog.date"
        case .time: "pg_catalog.time"
        case .timetz: "pg_catalog.timetz"
        case .timestamp: "pg_catalog.timestamp"
        case .timestamptz: "pg_catalog.timestamptz"
        case .uuid: "pg_catalog.uuid"
        case .json: "pg_catalog.json"
        case .jsonb: "pg_catalog.jsonb"
        case .textArray: "pg_catalog.text[]"
        case .integerArray: "pg_catalog.int4[]"
        case .uuidArray: "pg_catalog.uuid[]"
        }
    }
}
