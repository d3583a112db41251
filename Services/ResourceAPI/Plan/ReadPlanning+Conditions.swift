import JSON

extension ReadPlanning {
    /// The name of the condition that asks for rows that are deleted softly.
    private static let deletedName = ExactString("deleted")

    mutating func conditions(
        _ conditions: [Condition], _ scope: ReadScope, of plan: inout ReadPlan, depth: Int
    ) throws(APIError) -> [ReadPlan.Condition] {
        var planned: [ReadPlan.Condition] = []
        for condition in conditions { planned.append(try self.condition(condition, scope, of: &plan, depth: depth)) }
        return planned
    }

    private mutating func condition(
        _ condition: Condition, _ scope: ReadScope, of plan: inout ReadPlan, depth: Int
    ) throws(APIError) -> ReadPlan.Condition {
        conditionCount += 1
        guard conditionCount <= Self.maximumConditions else {
            throw APIError(400, "PGRST100", "The request has more than \(Self.maximumConditions) conditions")
        }
        guard depth <= Self.maximumLogicDepth else {
            throw APIError(400, "PGRST100", "Conditions are nested more than \(Self.maximumLogicDepth) levels deep")
        }
        switch condition {
        case .filter(let filter):
            return try self.filter(filter, scope, of: &plan)
        case .all(let parts, let isNegated):
            return .all(try conditions(parts, scope, of: &plan, depth: depth + 1), isNegated: isNegated)
        case .any(let parts, let isNegated):
            return .any(try conditions(parts, scope, of: &plan, depth: depth + 1), isNegated: isNegated)
        }
    }

    private func filter(_ filter: Filter, _ scope: ReadScope, of plan: inout ReadPlan) throws(APIError) -> ReadPlan.Condition {
        let (name, operation) = (filter.field.column, filter.operation)
        if filter.field.path.isEmpty, let index = index(ofEmbed: name, in: plan) {
            if case .isKeyword(let keyword) = operation, keyword == .null || keyword == .notNull {
                let isWanted = filter.isNegated != (keyword == .notNull)
                return .exists(index, isNegated: !isWanted)
            }
            guard scope.find(name) != nil else {
                throw APIError(
                    400, "PGRST120", "Bad operator on the '\(name.string)' embedded resource",
                    details: "Only is null or not is null filters are allowed on embedded resources")
            }
        }
        if let column = deletionColumn(filter, scope) {
            // Asking for what is not deleted is no more than what everybody sees.
            if operation != .isKeyword(.isFalse) || filter.isNegated { plan.deletion = .asked(column) }
            return .deleted(column, isNegated: filter.isNegated, operation)
        }
        return .filter(try scope.require(filter.field), isNegated: filter.isNegated, operation)
    }

    /// The column that marks deleted rows, if the filter is on `deleted`, which is no column of such tables.
    private func deletionColumn(_ filter: Filter, _ scope: ReadScope) -> String? {
        guard filter.field == Field(column: Self.deletedName), scope.find(filter.field.column) == nil else { return nil }
        return scope.relation?.features.softDeleteColumn
    }
}
