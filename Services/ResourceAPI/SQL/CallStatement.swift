import Postgres

extension ResourceStatement {
    /// One statement for every call of a shape. Behind the answer stands what the function wishes of it.
    ///
    /// - Parameters:
    ///   - format: `text` and `binary` only for a scalar result.
    ///   - isHead: the function is called, and its result only counted.
    ///   - maximumAffected: where the number of rows is that may be given back at most.
    init(calling plan: CallPlan, format: AnswerFormat, isHead: Bool, countsAll: Bool, maximumAffected: ValueIndex?) {
        var builder = StatementBuilder()
        // The call comes first, so that its arguments are the first parameters.
        let source = builder.source(of: plan)
        let extra = builder.settingsAndChecks(plan, format: format, maximumAffected: maximumAffected)
        var (text, layout) = builder.result(of: plan, format: format, isHead: isHead, countsAll: countsAll, extra: extra)
        layout.hasSettings = true
        text = "WITH \(ReadPlan.sourceName) AS (\(source)) \(text)"
        self.init(text, builder, layout)
    }
}

extension StatementBuilder {
    /// Evaluated when all rows are read, and so after the function has run; what raises undoes what it did.
    fileprivate mutating func settingsAndChecks(_ plan: CallPlan, format: AnswerFormat, maximumAffected: ValueIndex?) -> [String] {
        var items = ["sallyport.response_status()", "sallyport.response_headers()"]
        if let maximumAffected {
            let refusal = APIError(400, "PGRST124", "Query result exceeds max-affected preference constraint")
            let limit = parameter(.value(maximumAffected), .int8)
            items.append("CASE WHEN count > \(limit) THEN \(refuse(refusal, details: "'The query affects ' || count || ' rows'")) END")
        }
        if format.isObject, !plan.isSingle, plan.result != nil {
            items.append("CASE WHEN count <> 1 THEN \(refuse(.notSingular(0), details: "'The result contains ' || count || ' rows'")) END")
        }
        return items
    }

    private func refuse(_ error: APIError, details: String) -> String {
        "sallyport.refuse(\(literal(error.code)), \(literal(error.message)), \(details))"
    }

    /// What is read of the result, from ``ReadPlan/sourceName``.
    fileprivate mutating func result(
        of plan: CallPlan, format: AnswerFormat, isHead: Bool, countsAll: Bool, extra: [String]
    ) -> (String, ResourceStatement.Layout) {
        guard let result = plan.result else {
            let count = "SELECT count(*) AS count FROM \(ReadPlan.sourceName)"
            return ("SELECT \((["count"] + extra).joined(separator: ", ")) FROM (\(count)) AS sallyport_answer", .count())
        }
        if isHead { return (count(result, countsAll: countsAll, extra: extra), .count(hasTotal: countsAll)) }
        guard let body = Self.body(plan, result, format) else {
            return (answer(result, format: format, countsAll: countsAll, extra: extra), .rows(hasTotal: countsAll))
        }
        let rows = "SELECT \(body) AS body, count(*) AS count FROM (\(rows(result))) AS sallyport_row"
        let measured = format == .binary ? "body" : "body::text"
        var list = ["CASE WHEN octet_length(\(measured)) <= \(ResourceResponse.maximumBytes) THEN body END", "count"]
        if countsAll { list.append("(SELECT count(*) FROM (\(countable(result))) AS sallyport_counted)") }
        return ("SELECT \((list + extra).joined(separator: ", ")) FROM (\(rows)) AS sallyport_answer", .rows(hasTotal: countsAll))
    }

    /// The body of one value or object, and of a set of values in text or binary form: one behind the other. Nil for all others.
    private static func body(_ plan: CallPlan, _ result: ReadPlan, _ format: AnswerFormat) -> String? {
        let value = "sallyport_row.\(ReadPlan.scalarColumn)"
        switch format {
        case .text: return "coalesce(string_agg(\(value)::text, ''), '')"
        case .binary: return "coalesce(string_agg(\(value)::bytea, ''), '')"
        case .csv: return nil
        case .json(let stripsNulls), .object(let stripsNulls):
            guard plan.isSingle else { return nil }
            let json = result.isScalar ? "to_json(\(value))" : "row_to_json(sallyport_row)"
            let stripped = stripsNulls ? "json_strip_nulls(\(json))" : json
            return "coalesce((array_agg(\(stripped)))[1], 'null')"
        }
    }

    /// The call itself, with the columns that are read of its result.
    ///
    /// It is made once whatever is read of it: a common table expression is evaluated once where it is volatile or named twice, and
    /// otherwise the planner sees through it.
    fileprivate mutating func source(of plan: CallPlan) -> String {
        let function = "\(quoted(plan.function.schema)).\(quoted(plan.function.name))"
        var (body, arguments) = ("", "")
        switch plan.arguments {
        case .members(let parameters, let inArray):
            let json = parameter(.body, .json) + (inArray ? " -> 0" : "")
            let definitions = parameters.map { "\(quoted($0.name)) \($0.type)" }.joined(separator: ", ")
            body = "json_to_record(\(json)) AS sallyport_argument (\(definitions)), LATERAL "
            arguments = parameters.map { named($0, "sallyport_argument.\(quoted($0.name))") }.joined(separator: ", ")
        case .values(let given):
            arguments = given.map { named($0.parameter, value($0)) }.joined(separator: ", ")
        case .body(let whole):
            arguments = parameter(.body, Self.type(named: whole.type))
        }
        var alias = "sallyport_call"
        var columns: [String] = []
        if let result = plan.result {
            if result.isScalar {
                alias += " (\(ReadPlan.scalarColumn))"
                columns = [ReadPlan.scalarColumn]
            } else {
                // All of them, as filters name columns too; of those that are not read the planner frees itself.
                columns = plan.function.columns(in: result).map { "sallyport_call.\(quoted($0.name))" }
                if result.needsWholeRow {
                    columns.append("sallyport_call AS \(ReadPlan.wholeRowColumn)")
                }
            }
        }
        return "SELECT\(columns.isEmpty ? "" : " " + columns.joined(separator: ", ")) FROM \(body)\(function)(\(arguments)) AS \(alias)"
    }

    private func named(_ parameter: Function.Parameter, _ value: String) -> String {
        "\(parameter.isVariadic ? "VARIADIC " : "")\(quoted(parameter.name)) => \(value)"
    }

    /// The declared type stands with the value: left to itself, PostgreSQL might find another overload, which nobody declared.
    private mutating func value(_ given: CallPlan.Given) -> String {
        var values: [String] = []
        for index in given.values { values.append(parameter(.value(index), .unknown)) }
        let value = given.parameter.isVariadic ? "ARRAY[\(values.joined(separator: ", "))]" : values.first ?? "NULL"
        return "\(value)::\(given.parameter.type)"
    }

    private static func type(named name: String) -> SQLType {
        switch name {
        case "json": .json
        case "jsonb": .jsonb
        case "bytea": .bytea
        case "xml": .xml
        default: .text
        }
    }
}

extension Function {
    /// What its result has members of; never `tenant_id`.
    fileprivate func columns(in plan: ReadPlan) -> [Column] {
        switch result {
        case .void, .scalar: []
        case .relation: plan.relation?.columns ?? []
        case .columns(let columns): columns
        }
    }
}
