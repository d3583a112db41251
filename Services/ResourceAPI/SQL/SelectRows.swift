import JSON

extension StatementBuilder {
    /// `SELECT <columns> FROM <source> … WHERE … GROUP BY … ORDER BY … LIMIT …`: the rows of the plan, not yet aggregated.
    ///
    /// With a ``ReadPlan/cursor`` they have one column more, ``ReadPlan/cursorColumn``: the values of the order as a JSON array of texts.
    mutating func rows(_ plan: ReadPlan) -> String {
        let row = RowName(name: plan.alias, isDerived: plan.isDerived)
        return select(plan, origin: source(plan), on: row, where: rootConditions(plan, on: row))
    }

    /// The rows of ``rows(_:)`` without columns and order, to be counted.
    mutating func bareRows(_ plan: ReadPlan) -> String {
        guard !plan.isGrouped else { return rows(plan) }
        let row = RowName(name: plan.alias, isDerived: plan.isDerived)
        let conditions = rootConditions(plan, on: row)
        return "SELECT FROM \(source(plan))\(clause("WHERE", conditions, " AND "))\(bounds(plan))"
    }

    /// All rows without columns, order and bounds, to be counted.
    mutating func countable(_ plan: ReadPlan) -> String {
        bareRows(plan.unbounded)
    }

    /// The columns that a write gives back for the plan: the list of its RETURNING.
    func returning(_ plan: ReadPlan, alias: String) -> String {
        var items = plan.neededColumns.map { "\(alias).\(quoted($0.name))" }
        if plan.needsWholeRow { items.append("\(alias) AS \(ReadPlan.wholeRowColumn)") }
        if let columns = plan.taggedColumns { items.append("\(rowTag(columns, of: alias)) AS \(ReadPlan.tagColumn)") }
        return items.isEmpty ? "1" : items.joined(separator: ", ")
    }

    /// The rows of an embedded relation for one row around it.
    mutating func related(_ embed: ReadPlan.Embedding, of row: RowName) -> String {
        let plan = embed.plan
        let inner = RowName(name: plan.alias)
        let (origin, ties) = origin(of: embed, from: row)
        return select(plan, origin: origin, on: inner, where: ties + restrictionsAndInner(of: plan, on: inner))
    }

    /// What is demanded of a row, its relations included.
    mutating func restrictionsAndInner(of plan: ReadPlan, on row: RowName) -> [String] {
        var texts = restrictions(of: plan, on: row)
        for embed in plan.embeds where embed.isInner { texts.append(existence(embed, of: row)) }
        return texts
    }

    private func source(_ plan: ReadPlan) -> String {
        switch plan.source {
        case .table(let table): "\(quoted(table.id)) AS \(plan.alias)"
        case .written, .result: "\(ReadPlan.sourceName) AS \(plan.alias)"
        }
    }

    private mutating func rootConditions(_ plan: ReadPlan, on row: RowName) -> [String] {
        var texts: [String] = []
        if case .written = plan.source {
            for embed in plan.embeds where embed.isInner { texts.append(existence(embed, of: row)) }
        } else {
            texts = restrictionsAndInner(of: plan, on: row)
        }
        if let text = behindCursor(plan, on: row) { texts.append(text) }
        return texts
    }

    // MARK: One SELECT

    private mutating func select(_ plan: ReadPlan, origin: String, on row: RowName, where conditions: [String]) -> String {
        let filter = clause("WHERE", conditions, " AND ")
        let spreads = plan.embeds.filter { $0.isSpread && !$0.plan.output.isEmpty }
        let isBounded = plan.limit != .none || plan.maximumRows != nil || plan.offset != nil
        if !spreads.isEmpty, isBounded, !plan.isGrouped, !plan.ordersByRelation, !plan.order.contains(where: \.isByOutput) {
            return selectBounded(plan, origin: origin, on: row, filter: filter, spreads: spreads)
        }
        let list = list(plan, on: row)
        var joins = ""
        for embed in spreads { joins += spread(embed, of: row) }
        joins += orderJoins(plan, on: row)
        return "SELECT\(list) FROM \(origin)\(joins)\(filter)\(grouping(plan, on: row))\(ordering(plan, on: row))\(bounds(plan))"
    }

    /// The rows are chosen first; only those are joined with what is spread.
    private mutating func selectBounded(
        _ plan: ReadPlan, origin: String, on row: RowName, filter: String, spreads: [ReadPlan.Embedding]
    ) -> String {
        var items = plan.neededColumns.map { "\(row.name).\(quoted($0.name))" }
        if plan.needsWholeRow { items.append("\(wholeRow(row)) AS \(ReadPlan.wholeRowColumn)") }
        let needed = items.isEmpty ? "" : " " + items.joined(separator: ", ")
        let chosen = "SELECT\(needed) FROM \(origin)\(filter)\(ordering(plan, on: row))\(bounds(plan))"
        let row = RowName(name: row.name, isDerived: true)
        let list = list(plan, on: row)
        var joins = ""
        for embed in spreads { joins += spread(embed, of: row) }
        return "SELECT\(list) FROM (\(chosen)) AS \(row.name)\(joins)\(ordering(plan, on: row))"
    }

    private mutating func list(_ plan: ReadPlan, on row: RowName) -> String {
        var items: [String] = []
        for output in plan.output {
            if let item = item(output, of: plan, on: row) { items.append(item) }
        }
        items += storedColumns(plan, on: row)
        if plan.cursor != nil {
            let texts = plan.order.map { "\(key($0.key, of: plan, on: row))::pg_catalog.text" }
            items.append("json_build_array(\(texts.joined(separator: ", "))) AS \(ReadPlan.cursorColumn)")
        }
        if let columns = plan.taggedColumns {
            let tag = plan.isDerived ? "\(row.name).\(ReadPlan.tagColumn)" : rowTag(columns, of: row.name)
            items.append("\(tag) AS \(ReadPlan.tagColumn)")
        }
        return items.isEmpty ? "" : " " + items.joined(separator: ", ")
    }

    /// - Returns: nil for what the plan around this one computes.
    private mutating func item(_ output: ReadPlan.Output, of plan: ReadPlan, on row: RowName) -> String? {
        let isKey = plan.isGrouped && output.aggregate == nil
        let aggregate = plan.hoistsAggregates ? nil : output.aggregate
        let text: String
        switch output.expression {
        case .value(let value, let cast):
            if let domainCast = plan.outputCast(output) {
                let text = call(domainCast, self.value(value, of: row))
                return "\(text)\(isKey && !plan.hasStoredKey(output) ? "::pg_catalog.jsonb" : "") AS \(quoted(output.name))"
            }
            var operand = self.value(value, of: row, isCompared: isKey)
            if value.path.isEmpty, cast == nil, aggregate == nil {
                if case .column(let column) = value.base, column.name.isIdenticalBytes(output.name), !(isKey && value.kind == .json) {
                    return operand
                }
                if isKey, value.kind == .json { operand += "::pg_catalog.jsonb" }
            }
            text = self.aggregate(aggregate, self.cast(operand, cast))
        case .rows:
            guard let aggregate else { return nil }
            text = self.aggregate(aggregate, "*")
        case .embedded(let index):
            text = json(plan.embeds[index], of: row) + (isKey ? "::pg_catalog.jsonb" : "")
        case .member(let index, let name):
            let embed = plan.embeds[index]
            let isJSON = isKey && embed.isJSON(member: name)
            text = self.aggregate(aggregate, "\(embed.alias).\(quoted(name))") + (isJSON ? "::pg_catalog.jsonb" : "")
        }
        return "\(text) AS \(quoted(output.name))"
    }

    private func grouping(_ plan: ReadPlan, on row: RowName) -> String {
        guard plan.isGrouped else { return "" }
        var keys: [String] = []
        for position in plan.output.indices where plan.output[position].aggregate == nil {
            let stored = stored(position, of: plan, on: row)
            if let stored { keys.append(stored) }
            if case .value = plan.output[position].expression, stored != nil { continue }
            keys.append("\(position + 1)")
        }
        return clause("GROUP BY", keys, ", ")
    }
}

extension ReadPlan {
    /// Whether the source's rows are not a table's own.
    var isDerived: Bool {
        if case .table = source { false } else { true }
    }

    /// The same rows, all of them, in no order.
    var unbounded: ReadPlan {
        var plan = self
        plan.order = []
        plan.limit = .none
        plan.maximumRows = nil
        plan.offset = nil
        plan.cursor = nil
        return plan
    }

    fileprivate var ordersByRelation: Bool {
        order.contains { if case .related = $0.key { true } else { false } }
    }
}

extension ReadPlan.Order {
    fileprivate var isByOutput: Bool {
        if case .output = key { true } else { false }
    }
}

extension ReadPlan.Embedding {
    /// Whether a member that is spread is `json`, which cannot be compared.
    fileprivate func isJSON(member name: String) -> Bool {
        guard relationship.isToOne, let output = plan.output.first(where: { $0.name.isIdenticalBytes(name) }) else { return true }
        if plan.outputCast(output) != nil { return true }
        switch output.expression {
        case .value(let value, let cast):
            return cast == .json || (cast == nil && value.base.kind == .json && value.path.last?.isText != true)
        case .rows: return false
        case .embedded: return true
        case .member(let index, let name): return plan.embeds[index].isJSON(member: name)
        }
    }
}
