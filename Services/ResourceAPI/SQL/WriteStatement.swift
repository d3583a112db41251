import Postgres

/// Writes a plan as one SQL statement.
///
/// Without an answer it is the bare command, which needs no right to read. Otherwise the command is `sallyport_source`, and what has to
/// be refused because of what it did is refused in the SELECT behind it, which undoes it.
struct WriteStatement {
    private let plan: WritePlan
    private let format: AnswerFormat
    private var builder = StatementBuilder()
    private var layout = ResourceStatement.Layout()

    private init(_ plan: WritePlan, _ format: AnswerFormat) {
        self.plan = plan
        self.format = format
    }

    static func make(_ plan: WritePlan, format: AnswerFormat) -> ResourceStatement {
        var statement = WriteStatement(plan, format)
        let text = statement.render()
        return ResourceStatement(text, statement.builder, statement.layout)
    }

    private mutating func render() -> String {
        let command = command()
        let checks = checks()
        if case .nothing = plan.answer, checks.isEmpty, plan.conflictToCount == nil {
            layout = .affected
            return command
        }
        return "WITH sallyport_source AS (\(command) RETURNING \(returning())) \(answer(checks))"
    }

    // MARK: The command

    private mutating func command() -> String {
        switch plan.command {
        case .insert(let body, let conflict):
            return insert(body) + (conflict.map { onConflict($0, body) } ?? "")
        case .put(let body, let conflict, let filters):
            var text = insert(body)
            for (position, filter) in filters.enumerated() {
                text += position == 0 ? " WHERE " : " AND "
                text += "\(given(filter.column)) = \(builder.operand(filter.value, filter.column.cast(.fromText)))"
            }
            return text + onConflict(conflict, body)
        case .update(let body, let rows):
            let assignments = body.columns.map { "\(quoted($0)) = \(value(of: $0, body))" }.joined(separator: ", ")
            return "UPDATE \(target) SET \(assignments) FROM \(source(body))\(filter(rows))"
        case .delete(let rows):
            return "DELETE FROM \(target)\(filter(rows))"
        case .mark(let rows, let isDeleted):
            let column = builder.quoted(plan.table.features.softDeleteColumn ?? "")
            return "UPDATE \(target) SET \(column) = \(isDeleted ? "now()" : "NULL")\(filter(rows))"
        }
    }

    /// Which rows are meant; of a row that must be in a certain state, none in another. A row that changed meanwhile is looked at again.
    private mutating func filter(_ rows: ReadPlan) -> String {
        let filter = builder.filter(rows, alias: "t")
        guard let condition = stateCondition() else { return filter }
        return filter.isEmpty ? " WHERE \(condition)" : "\(filter) AND \(condition)"
    }

    private mutating func stateCondition() -> String? {
        guard case .matches(let digests) = plan.rowCondition else { return nil }
        return "\(builder.rowTag(plan.table.columns, of: "t")) = ANY (\(builder.parameter(.value(digests), .unknown)))"
    }

    private mutating func insert(_ body: WritePlan.Body) -> String {
        guard !body.columns.isEmpty else { return "INSERT INTO \(target) DEFAULT VALUES" }
        let names = body.columns.map(quoted).joined(separator: ", ")
        let values = body.columns.map { value(of: $0, body) }.joined(separator: ", ")
        return "INSERT INTO \(target) (\(names)) SELECT \(values) FROM \(source(body))"
    }

    /// Each unique key of a tenant's table leads with the tenant.
    private mutating func onConflict(_ conflict: WritePlan.Conflict, _ body: WritePlan.Body) -> String {
        let target = "\(builder.quoted("tenant_id")), \(conflict.target.map(quoted).joined(separator: ", "))"
        guard conflict.resolution == .mergeDuplicates, plan.rowCondition != .absent else { return " ON CONFLICT (\(target)) DO NOTHING" }
        // A row that is nothing but its key is set to what it is, so that it is given back.
        let others = body.columns.filter { !conflict.target.contains($0) }
        let assignments = (others.isEmpty ? conflict.target : others).map { "\(quoted($0)) = EXCLUDED.\(quoted($0))" }
        return " ON CONFLICT (\(target)) DO UPDATE SET \(assignments.joined(separator: ", "))\(mergeCondition())"
    }

    /// A row that is deleted softly holds its key still.
    private mutating func mergeCondition() -> String {
        var conditions: [String] = []
        if let column = plan.table.features.softDeleteColumn {
            let error = APIError(409, "23505", "duplicate key value in \(plan.table.name)")
            let refusal = refuse(error, details: "'A row with this key is deleted, and can be restored.'")
            conditions.append("CASE WHEN t.\(builder.quoted(column)) IS NULL THEN true ELSE \(refusal) END")
        }
        if let condition = stateCondition() { conditions.append(condition) }
        return builder.clause("WHERE", conditions, " AND ")
    }

    // MARK: The body

    /// The whole body is one parameter, whatever the number of its rows.
    private mutating func source(_ body: WritePlan.Body) -> String {
        let parameter = builder.parameter(.body, .json)
        let definitions = body.columns.map { "\(quoted($0)) \($0.cast(.fromJSON) == nil ? $0.type : "pg_catalog.json")" }
            .joined(separator: ", ")
        guard needsRow(body) else {
            return "\(body.isArray ? "json_to_recordset" : "json_to_record")(\(parameter)) AS b (\(definitions))"
        }
        let rows = body.isArray ? "json_array_elements(\(parameter))" : "(SELECT \(parameter))"
        return "\(rows) AS r (body) CROSS JOIN LATERAL json_to_record(r.body) AS b (\(definitions))"
    }

    /// A member of the body, as the column's type.
    private func given(_ column: Column) -> String {
        let given = "b.\(quoted(column))"
        return column.cast(.fromJSON).map { builder.call($0, given) } ?? given
    }

    private func value(of column: Column, _ body: WritePlan.Body) -> String {
        let given = given(column)
        guard body.usesDefaults, let expression = defaultExpression(of: column) else { return given }
        // A member that is null is there; one that is not there reads as SQL's NULL.
        return "CASE WHEN (r.body -> \(builder.literal(column.name))) IS NULL THEN (\(expression))::\(column.type) ELSE \(given) END"
    }

    /// Whether a row's own JSON is needed to tell what it leaves out.
    private func needsRow(_ body: WritePlan.Body) -> Bool {
        body.usesDefaults && body.columns.contains { defaultExpression(of: $0) != nil }
    }

    /// An identity counts with a sequence, on which the role needs a right of its own where it is named.
    private func defaultExpression(of column: Column) -> String? {
        if let expression = column.defaultExpression { return expression }
        guard column.hasDefault, !column.isGenerated else { return nil }
        return "nextval(pg_get_serial_sequence(\(builder.literal(name)), \(builder.literal(column.name))))"
    }

    // MARK: The answer

    /// Only the columns that are needed are returned, and none of them is another tenant's.
    private func returning() -> String {
        var items: [String] = []
        var names = plan.conflictToCount?.target.map(\.name) ?? []
        switch plan.answer {
        case .nothing:
            break
        case .key(let columns):
            for column in columns where !names.contains(column.name) { names.append(column.name) }
        case .rows(let rows):
            items.append(builder.returning(rows, alias: "t"))
            let known = rows.neededColumns.map(\.name)
            names.removeAll(where: known.contains)
        }
        items += names.map { "t.\(builder.quoted($0))" }
        return items.isEmpty ? "1" : items.joined(separator: ", ")
    }

    private mutating func answer(_ checks: [String]) -> String {
        var further: [String] = []
        if let conflict = plan.conflictToCount {
            layout.hasInserted = true
            further.append(inserted(conflict))
        }
        if case .rows(let rows) = plan.answer {
            layout.hasBody = true
            let answer = builder.answer(rows, format: format)
            further += checks
            layout.hasTag = rows.taggedColumns != nil
            guard !further.isEmpty else { return answer }
            let own = layout.hasTag ? "body, count, tag" : "body, count"
            return "SELECT \(own), \(further.joined(separator: ", ")) FROM (\(answer)) AS sallyport_whole (\(own))"
        }
        if case .key(let columns) = plan.answer {
            layout.key = columns.map(\.name)
            further += columns.map { column in
                let text = column.keyCast.map { builder.text(json: builder.call($0, quoted(column))) } ?? "\(quoted(column))::text"
                return "min(\(text))"
            }
        }
        further += checks
        let list = (["count(*) AS count"] + further).joined(separator: ", ")
        return "SELECT \(list) FROM sallyport_source"
    }

    /// Both halves of the statement see the rows as they were before it.
    private func inserted(_ conflict: WritePlan.Conflict) -> String {
        let isSame = conflict.target.map { "o.\(quoted($0)) = s.\(quoted($0))" }.joined(separator: " AND ")
        return "(SELECT count(*) FROM sallyport_source AS s WHERE NOT EXISTS (SELECT FROM \(name) AS o WHERE \(isSame)))"
    }

    /// Expressions that raise where what was written must not stay.
    private mutating func checks() -> [String] {
        let written = "(SELECT count(*) FROM sallyport_source)"
        var checks: [String] = []
        if plan.rowCondition != .none {
            var fails = "\(written) <> 1"
            if plan.rowCondition != .absent, let conflict = plan.conflictToCount { fails += " OR \(inserted(conflict)) > 0" }
            checks.append("CASE WHEN \(fails) THEN \(refuse(RowCondition.failed, details: "NULL")) END")
        }
        if case .put = plan.command {
            let error = WritePlanner.keyMismatch
            checks.append("CASE WHEN \(written) <> 1 THEN \(refuse(error, details: "NULL")) END")
        }
        if let maximum = plan.maximumAffected {
            let limit = builder.parameter(.value(maximum), .int8)
            let error = APIError(400, "PGRST124", "Query result exceeds max-affected preference constraint")
            checks.append(
                "CASE WHEN \(written) > \(limit) THEN \(refuse(error, details: "'The query affects ' || \(written) || ' rows'")) END")
        }
        if format.isObject {
            let error = APIError.notSingular(0)
            checks.append("CASE WHEN \(written) <> 1 THEN \(refuse(error, details: "'The result contains ' || \(written) || ' rows'")) END")
        }
        return checks
    }

    private func refuse(_ error: APIError, details: String) -> String {
        "sallyport.refuse(\(builder.literal(error.code)), \(builder.literal(error.message)), \(details))"
    }

    private var name: String { builder.quoted(plan.table.id) }

    private var target: String { "\(name) AS t" }

    private func quoted(_ column: Column) -> String { builder.quoted(column.name) }
}
