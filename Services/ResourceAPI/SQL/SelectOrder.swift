import Postgres

/// Order, limits and keyset pagination.
extension StatementBuilder {
    func ordering(_ plan: ReadPlan, on row: RowName) -> String {
        let terms = plan.order.map { term in
            var text = key(term.key, of: plan, on: row)
            if term.isDescending { text += " DESC" }
            switch term.nulls {
            case .first: text += " NULLS FIRST"
            case .last: text += " NULLS LAST"
            case nil: break
            }
            return text
        }
        return clause("ORDER BY", terms, ", ")
    }

    func key(_ key: ReadPlan.Order.Key, of plan: ReadPlan, on row: RowName) -> String {
        switch key {
        case .value(let value): self.value(value, of: row, isCompared: true)
        case .output(let position): stored(position, of: plan, on: row) ?? "\(plan.place(of: position))"
        case .related(let index, let value): "\(orderAlias(plan, index, value)).value"
        }
    }

    /// Joins the values of related rows that the order names, each once.
    mutating func orderJoins(_ plan: ReadPlan, on row: RowName) -> String {
        var joins = ""
        var done: Set<String> = []
        for term in plan.order {
            guard case .related(let index, let value) = term.key else { continue }
            let alias = orderAlias(plan, index, value)
            if done.insert(alias).inserted { joins += join(value, of: plan.embeds[index], as: alias, row: row) }
        }
        return joins
    }

    private func orderAlias(_ plan: ReadPlan, _ index: Int, _ value: ReadPlan.Value) -> String {
        let position = plan.order.firstIndex { $0.key == .related(index, value) } ?? 0
        return "\(plan.embeds[index].alias)o\(position)"
    }

    mutating func bounds(_ plan: ReadPlan) -> String {
        var text = limit(plan).map { " LIMIT \($0)" } ?? ""
        if let offset = plan.offset { text += " OFFSET \(parameter(.value(offset), .int8))" }
        return text
    }

    /// The most rows there are; nil for no bound.
    mutating func limit(_ plan: ReadPlan) -> String? {
        switch (plan.limit, plan.maximumRows) {
        case (.none, nil): nil
        case (.none, let maximum?): "\(maximum)"
        case (.literal(let limit), let maximum): "\(min(limit, maximum ?? limit))"
        case (.parameter(let value), nil): parameter(.value(value), .int8)
        case (.parameter(let value), let maximum?): "least(\(parameter(.value(value), .int8)), \(maximum))"
        }
    }

    /// What lies behind the row that the cursor names; nil from the beginning.
    ///
    /// One comparison of rows where the order goes one way, which an index serves as a whole; else the first term is bounded alone, so
    /// that an index can at least begin there.
    mutating func behindCursor(_ plan: ReadPlan, on row: RowName) -> String? {
        guard let values = plan.cursor?.values, values.count == plan.order.count, let first = plan.order.first else { return nil }
        let keys = plan.order.map { key($0.key, of: plan, on: row) }
        var operands: [String] = []
        for value in values { operands.append(parameter(.value(value), .unknown)) }
        func isBehind(_ position: Int) -> String {
            "\(keys[position]) \(plan.order[position].isDescending ? "<" : ">") \(operands[position])"
        }

        if keys.count == 1 { return isBehind(0) }
        if plan.order.allSatisfy({ $0.isDescending == first.isDescending }) {
            let sign = first.isDescending ? "<" : ">"
            return "(\(keys.joined(separator: ", "))) \(sign) (\(operands.joined(separator: ", ")))"
        }
        let alternatives = keys.indices.map { position in
            let equal = (0..<position).map { "\(keys[$0]) = \(operands[$0])" }
            return "(\((equal + [isBehind(position)]).joined(separator: " AND ")))"
        }
        let bound = "\(keys[0]) \(first.isDescending ? "<=" : ">=") \(operands[0])"
        return "\(bound) AND (\(alternatives.joined(separator: " OR ")))"
    }
}

extension ReadPlan {
    /// The place of a member in the select list, from 1: what is left to the plan around this one has none.
    fileprivate func place(of position: Int) -> Int {
        1 + output[..<position].count { !hoistsAggregates || $0.expression != .rows }
    }
}
