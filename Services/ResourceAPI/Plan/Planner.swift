import JSON

/// Resolves a request's names against a table of the catalog.
struct Planner: Sendable {
    /// How often one column may be selected: an answer must not be many times what is stored.
    private static let maximumAliases = 4

    let table: Table

    /// - Throws: 400 for an unknown column (`42703` in the URL, `PGRST204` in the body), a body of the wrong form (`PGRST102`)
    ///   or a PATCH or DELETE of the whole table (`21000`); 403 (`42501`) where the database role lacks the right.
    func plan(_ shape: RequestShape) throws(APIError) -> Plan {
        let verb = shape.verb
        try checkPrivilege(for: verb)
        let action = try action(shape)
        let result = result(verb, shape.preferences)

        var plan = Plan(table: table, verb: verb, action: action, result: result)
        plan.output = try output(shape.query.select)
        plan.conditions = try conditions(shape.query.filters)
        plan.order = try order(shape.query.order)
        plan.limit = shape.query.limit
        plan.hasOffset = shape.query.hasOffset
        plan.countsAll = verb.isRead && shape.preferences.countsExactly && (plan.limit != .none || plan.hasOffset)
        if verb == .update || verb == .delete, plan.conditions.isEmpty {
            let statement = verb == .update ? "UPDATE" : "DELETE"
            throw APIError(
                400, "21000", "\(statement) requires a filter", hint: "To mean every row, give a filter that is true of all of them")
        }
        return plan
    }

    private func checkPrivilege(for verb: Verb) throws(APIError) {
        let needed: Table.Privilege =
            switch verb {
            case .read, .head: .select
            case .insert: .insert
            case .update: .update
            case .delete: .delete
            }
        guard table.privileges.contains(needed) else {
            throw APIError(
                403, "42501", "permission denied for table \(table.name)",
                details: table.isShared ? "\(table.name) is reference data, shared by all tenants and read-only" : nil)
        }
    }

    private func result(_ verb: Verb, _ preferences: Preferences) -> Plan.Result {
        switch (verb, preferences.returning) {
        case (.read, _): .rows
        case (.head, _): .count
        case (_, .representation): .rows
        case (.insert, .headersOnly) where !table.primaryKey.isEmpty: .key(table.primaryKey.compactMap(table.column))
        default: .count
        }
    }

    // MARK: The parts

    private func action(_ shape: RequestShape) throws(APIError) -> Plan.Action {
        switch shape.verb {
        case .read, .head:
            return .read
        case .delete:
            return .delete
        case .insert:
            guard let payload = shape.payload else { throw .invalidBody("Empty or invalid json") }
            guard payload.rowCount > 0 else { return .nothing }
            let columns = try bodyColumns(payload, shape.query.columns)
            guard !columns.isEmpty || payload.rowCount == 1 else { throw .invalidBody("Several rows need at least one column") }
            return .insert(columns, payload.form)
        case .update:
            guard let payload = shape.payload else { throw .invalidBody("Empty or invalid json") }
            guard payload.form == .object else { throw .invalidBody("The body of a PATCH must be one object") }
            let columns = try bodyColumns(payload, shape.query.columns)
            return columns.isEmpty ? .nothing : .update(columns)
        }
    }

    private func bodyColumns(_ payload: PayloadShape, _ chosen: [ExactString]?) throws(APIError) -> [Column] {
        guard chosen != nil || payload.isUniform else {
            throw .invalidBody("All object keys must match", hint: "Name the columns with ?columns=")
        }
        var columns: [Column] = []
        for name in chosen ?? payload.keys {
            guard let column = table.column(name.string) else { throw .unknownBodyColumn(name.string, table: table.name) }
            guard !column.isGenerated else {
                throw APIError(400, "428C9", "column \"\(column.name)\" is computed by the database and takes no value")
            }
            columns.append(column)
        }
        return columns
    }

    private func require(_ name: ExactString) throws(APIError) -> Column {
        guard let column = table.column(name.string) else { throw .unknownColumn(name.string, table: table.name) }
        return column
    }

    private func output(_ items: [SelectItem]?) throws(APIError) -> [Plan.Output] {
        var output: [Plan.Output] = []
        for item in items ?? [.all] {
            switch item {
            case .all:
                for column in table.columns {
                    try append(Plan.Output(column: column, name: column.name, cast: nil), to: &output)
                }
            case .column(let name, let alias, let cast):
                let column = try require(name)
                try append(Plan.Output(column: column, name: alias?.string ?? column.name, cast: cast), to: &output)
            }
        }
        return output
    }

    /// A repeated column is given once; two under one name would make a JSON object that means nothing.
    private func append(_ item: Plan.Output, to output: inout [Plan.Output]) throws(APIError) {
        guard item.name.utf8.count <= 63 else {
            throw APIError(400, "PGRST100", "The alias \(APIError.excerpt(item.name)) is longer than 63 bytes")
        }
        if let same = output.first(where: { $0.name == item.name }) {
            guard same == item else { throw APIError(400, "PGRST100", "Two selected columns are named \(APIError.excerpt(item.name))") }
            return
        }
        guard output.count(where: { $0.column == item.column }) < Self.maximumAliases else {
            throw APIError(400, "PGRST100", "\(APIError.excerpt(item.column.name)) is selected more than \(Self.maximumAliases) times")
        }
        output.append(item)
    }

    private func conditions(_ filters: [Filter]) throws(APIError) -> [Plan.Condition] {
        var conditions: [Plan.Condition] = []
        for filter in filters {
            conditions.append(
                Plan.Condition(column: try require(filter.column), isNegated: filter.isNegated, condition: filter.condition))
        }
        return conditions
    }

    private func order(_ terms: [OrderTerm]) throws(APIError) -> [Plan.Order] {
        var order: [Plan.Order] = []
        for term in terms {
            order.append(Plan.Order(column: try require(term.column), isDescending: term.isDescending, nulls: term.nulls))
        }
        return order
    }
}
