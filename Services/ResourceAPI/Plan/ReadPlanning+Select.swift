import JSON

extension ReadPlanning {
    /// How often one value may be selected: an answer must not be many times what is stored.
    private static let maximumAliases = 4
    /// PostgreSQL's identifiers are no longer.
    private static let maximumNameBytes = 63

    mutating func select(_ items: [SelectItem], _ scope: ReadScope, into plan: inout ReadPlan, depth: Int) throws(APIError) {
        var members = Members()
        for (position, item) in items.enumerated() where !items[..<position].contains(item) {
            switch item {
            case .all:
                for column in scope.columns {
                    let value = ReadPlan.Value(base: .column(column))
                    try members.append(.init(name: column.name, expression: .value(value, cast: nil)), isFromAll: true)
                }
            case .field(let field):
                try members.append(isRowCount(field, scope) ? try rowCount(field.alias, cast: field.cast) : try output(field, scope))
            case .count(let alias, let cast):
                try members.append(try rowCount(alias, cast: cast))
            case .relation(let embed):
                let index = try append(embed, scope, to: &plan, depth: depth)
                for output in outputs(of: plan.embeds[index], at: index) { try members.append(output) }
            }
        }
        plan.output = members.outputs
        guard plan.output.allSatisfy({ !$0.name.isEmpty && $0.name.utf8.count <= Self.maximumNameBytes }) else {
            let name = plan.output.first { $0.name.isEmpty || $0.name.utf8.count > Self.maximumNameBytes }?.name ?? ""
            throw APIError(
                400, "PGRST100", "The name \(APIError.excerpt(name)) is not 1 to \(Self.maximumNameBytes) bytes long",
                hint: "Give it an alias: alias:column")
        }
        try checkAliases(plan.output)
    }

    /// The members that an embedded relation adds to the rows around it.
    private func outputs(of embed: ReadPlan.Embedding, at index: Int) -> [ReadPlan.Output] {
        guard embed.isSpread else {
            return embed.plan.output.isEmpty ? [] : [.init(name: embed.name.string, expression: .embedded(index))]
        }
        return embed.plan.output.map { output in
            if case .rows = output.expression { return output }
            return .init(name: output.name, expression: .member(index, name: output.name), aggregate: output.aggregate)
        }
    }

    /// `count` without parentheses, which clients of older versions write, unless the table has something of that name.
    private func isRowCount(_ field: SelectedField, _ scope: ReadScope) -> Bool {
        field.aggregate == nil && field.field == Field(column: ExactString("count")) && scope.find(field.field.column) == nil
    }

    private func rowCount(_ alias: ExactString?, cast: CastType?) throws(APIError) -> ReadPlan.Output {
        try checkAggregates()
        return .init(name: alias?.string ?? "count", expression: .rows, aggregate: ReadPlan.Aggregation(function: .count, cast: cast))
    }

    private func output(_ field: SelectedField, _ scope: ReadScope) throws(APIError) -> ReadPlan.Output {
        let value = try scope.require(field.field)
        var aggregate: ReadPlan.Aggregation?
        if let function = field.aggregate {
            try checkAggregates()
            aggregate = ReadPlan.Aggregation(function: function, cast: field.aggregateCast)
        }
        let name = field.alias?.string ?? field.aggregate?.rawValue ?? field.field.memberName
        return .init(name: name, expression: .value(value, cast: field.cast), aggregate: aggregate)
    }

    private func checkAggregates() throws(APIError) {
        guard planner.allowsAggregates else { throw APIError(400, "PGRST123", "Use of aggregate functions is not allowed") }
    }

    private func checkAliases(_ outputs: [ReadPlan.Output]) throws(APIError) {
        var uses: [ReadPlan.Value: Int] = [:]
        for output in outputs where output.aggregate == nil {
            guard case .value(let value, _) = output.expression else { continue }
            uses[value, default: 0] += 1
            guard uses[value, default: 0] <= Self.maximumAliases else {
                throw APIError(
                    400, "PGRST100", "\(APIError.excerpt(output.name)): one value is selected more than \(Self.maximumAliases) times")
            }
        }
    }
}

/// The members of an object, each name once.
private struct Members {
    private(set) var outputs: [ReadPlan.Output] = []
    private var positions: [ExactString: Int] = [:]
    private var isFromAll: [Bool] = []

    /// A column that `*` gave makes way for what is named like it; what is repeated is given once.
    ///
    /// - Throws: 400 `PGRST100` where two things have one name: an object with both would mean nothing.
    mutating func append(_ output: ReadPlan.Output, isFromAll: Bool = false) throws(APIError) {
        guard let position = positions[ExactString(output.name)] else {
            positions[ExactString(output.name)] = outputs.count
            outputs.append(output)
            self.isFromAll.append(isFromAll)
            return
        }
        if outputs[position] == output || isFromAll { return }
        guard self.isFromAll[position] else {
            throw APIError(
                400, "PGRST100", "Two selected columns are named \(APIError.excerpt(output.name))", hint: "Give one an alias: alias:column")
        }
        outputs[position] = output
        self.isFromAll[position] = false
    }
}

extension Field {
    /// The member's name without an alias: of a path its last key, passing over indexes.
    fileprivate var memberName: String {
        for step in path.reversed() {
            if case .member(let name) = step.key { return name.string }
        }
        return column.string
    }
}
