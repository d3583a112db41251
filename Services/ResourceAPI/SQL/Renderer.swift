import Postgres

/// Writes a plan as one SQL statement.
///
/// Identifiers are the catalog's, quoted; values are parameters; the text depends on the plan alone. The one name a client can
/// choose is the alias of a selected column, quoted as well.
struct Renderer {
    private let plan: Plan
    private var sources: [ResourceStatement.Source] = []
    private var types: [SQLType] = []

    private init(_ plan: Plan) {
        self.plan = plan
    }

    /// - Returns: nil if nothing has to be run.
    static func statement(for plan: Plan) -> ResourceStatement? {
        var renderer = Renderer(plan)
        guard let (text, layout) = renderer.render() else { return nil }
        return ResourceStatement(
            statement: SQLStatement(text, parameterTypes: renderer.types), sources: renderer.sources, layout: layout)
    }

    private mutating func render() -> (String, ResourceStatement.Layout)? {
        switch plan.action {
        case .nothing: nil
        case .read: read()
        case .insert(let columns, let form): write { $0.insert(columns, form) }
        case .update(let columns): write { $0.update(columns) }
        case .delete: write { "DELETE FROM \($0.target)\($0.filter())" }
        }
    }

    // MARK: Statements

    /// The aggregate stands directly over the rows: no CTE, so that the planner sees through.
    private mutating func read() -> (String, ResourceStatement.Layout) {
        let filter = filter()
        let isCountOnly = plan.result == .count
        let list = isCountOnly ? "" : outputList(qualified: true)
        var rows = "SELECT\(list.isEmpty ? "" : " " + list) FROM \(target)\(filter)"
        if !isCountOnly { rows += ordering(qualified: true) }
        rows += bounds()
        let total = plan.countsAll ? ", (SELECT count(*) FROM \(target)\(filter))" : ""
        if isCountOnly {
            return ("SELECT count(*)\(total) FROM (\(rows)) AS sallyport_row", .count(hasTotal: plan.countsAll))
        }
        return (Self.answer(rows, total: total), .rows(hasTotal: plan.countsAll))
    }

    /// Only the columns that are needed are returned, and none of them is another tenant's.
    private mutating func write(_ statement: (inout Renderer) -> String) -> (String, ResourceStatement.Layout) {
        let command = statement(&self)
        switch plan.result {
        case .count:
            return (command, .affected)
        case .key(let columns):
            let names = columns.map(\.name)
            let keys = names.map { ", min(\(quoted($0))::text)" }.joined()
            return (
                "WITH sallyport_source AS (\(command)\(returning(names))) SELECT count(*)\(keys) FROM sallyport_source",
                .key(names: names)
            )
        case .rows:
            let names = plan.output.map(\.column.name) + plan.order.map(\.column.name)
            let list = outputList(qualified: false)
            let rows = "SELECT\(list.isEmpty ? "" : " " + list) FROM sallyport_source\(ordering(qualified: false))"
            return ("WITH sallyport_source AS (\(command)\(returning(names))) \(Self.answer(rows))", .rows(hasTotal: false))
        }
    }

    private mutating func insert(_ columns: [Column], _ form: Payload.Form) -> String {
        guard !columns.isEmpty else { return "INSERT INTO \(target) DEFAULT VALUES" }
        let names = columns.map { quoted($0.name) }.joined(separator: ", ")
        let values = columns.map { "b.\(quoted($0.name))" }.joined(separator: ", ")
        return "INSERT INTO \(target) (\(names)) SELECT \(values) FROM \(body(columns, form))"
    }

    private mutating func update(_ columns: [Column]) -> String {
        let assignments = columns.map { "\(quoted($0.name)) = b.\(quoted($0.name))" }.joined(separator: ", ")
        let body = body(columns, .object)
        return "UPDATE \(target) SET \(assignments) FROM \(body)\(filter())"
    }

    // MARK: Clauses

    /// The rows as one JSON array, or null where it is too large to be held, and their number.
    private static func answer(_ rows: String, total: String = "") -> String {
        "SELECT CASE WHEN octet_length(body::text) <= \(ResourceResponse.maximumBytes) THEN body END, count\(total) "
            + "FROM (SELECT coalesce(json_agg(sallyport_row.*), '[]') AS body, count(*) FROM (\(rows)) AS sallyport_row) AS sallyport_answer"
    }

    private var target: String { "\(quoted(plan.table.schema)).\(quoted(plan.table.name)) AS t" }

    /// The whole body is one parameter, whatever the number of its rows.
    private mutating func body(_ columns: [Column], _ form: Payload.Form) -> String {
        let function = form == .object ? "json_to_record" : "json_to_recordset"
        let definitions = columns.map { "\(quoted($0.name)) \($0.type)" }.joined(separator: ", ")
        return "\(function)(\(parameter(.body, .json))) AS b (\(definitions))"
    }

    private mutating func filter() -> String {
        var next = 0
        var conditions: [String] = []
        for condition in plan.conditions {
            var operand = ""
            if condition.condition.takesValue {
                operand = parameter(.value(next), .unknown)
                next += 1
            }
            conditions.append(condition.sql(on: "t.\(quoted(condition.column.name))", operand: operand))
        }
        return conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
    }

    private func outputList(qualified: Bool) -> String {
        plan.output.map { item in
            let column = (qualified ? "t." : "") + quoted(item.column.name)
            let value = item.cast.map { "\(column)::\($0.sql)" } ?? column
            return item.cast == nil && item.name == item.column.name ? value : "\(value) AS \(quoted(item.name))"
        }.joined(separator: ", ")
    }

    private func ordering(qualified: Bool) -> String {
        guard !plan.order.isEmpty else { return "" }
        // Behind RETURNING, names are qualified too: an alias of the same name would otherwise take precedence.
        let prefix = qualified ? "t." : "sallyport_source."
        return " ORDER BY "
            + plan.order.map { term in
                var text = prefix + quoted(term.column.name)
                if term.isDescending { text += " DESC" }
                switch term.nulls {
                case .first: text += " NULLS FIRST"
                case .last: text += " NULLS LAST"
                case nil: break
                }
                return text
            }.joined(separator: ", ")
    }

    private mutating func bounds() -> String {
        var text = ""
        switch plan.limit {
        case .none: break
        case .literal(let limit): text += " LIMIT \(limit)"
        case .parameter: text += " LIMIT \(parameter(.limit, .int8))"
        }
        if plan.hasOffset { text += " OFFSET \(parameter(.offset, .int8))" }
        return text
    }

    private func returning(_ names: [String]) -> String {
        var distinct: [String] = []
        for name in names where !distinct.contains(name) { distinct.append(name) }
        return " RETURNING " + (distinct.isEmpty ? "1" : distinct.map { "t.\(quoted($0))" }.joined(separator: ", "))
    }

    private mutating func parameter(_ source: ResourceStatement.Source, _ type: SQLType) -> String {
        sources.append(source)
        types.append(type)
        return "$\(sources.count)"
    }

    private func quoted(_ name: String) -> String { SQL("\(identifier: name)").text }
}

extension Plan.Condition {
    /// - Parameter operand: the parameter, for conditions that take a value.
    fileprivate func sql(on column: String, operand: String) -> String {
        switch condition {
        case .compare(let comparison):
            let text = "\(column) \(comparison.sql) \(operand)"
            return isNegated ? "NOT (\(text))" : text
        case .isAny:
            return isNegated ? "NOT (\(column) = ANY (\(operand)))" : "\(column) = ANY (\(operand))"
        case .isKeyword(let keyword):
            return "\(column) IS \(isNegated != (keyword == .notNull) ? "NOT " : "")\(keyword.sql)"
        }
    }
}

extension Filter.Comparison {
    fileprivate var sql: String {
        switch self {
        case .equal: "="
        case .notEqual: "<>"
        case .greater: ">"
        case .greaterOrEqual: ">="
        case .less: "<"
        case .lessOrEqual: "<="
        case .like: "LIKE"
        case .caseInsensitiveLike: "ILIKE"
        }
    }
}

extension Filter.Keyword {
    fileprivate var sql: String {
        switch self {
        case .null, .notNull: "NULL"
        case .isTrue: "TRUE"
        case .isFalse: "FALSE"
        case .unknown: "UNKNOWN"
        }
    }
}

extension CastType {
    fileprivate var sql: String {
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
