import JSON

extension ReadPlanning {
    func order(_ term: OrderTerm, _ scope: ReadScope, in plan: ReadPlan) throws(APIError) -> ReadPlan.Order {
        ReadPlan.Order(key: try key(term, scope, in: plan), isDescending: term.isDescending, nulls: term.nulls)
    }

    private func key(_ term: OrderTerm, _ scope: ReadScope, in plan: ReadPlan) throws(APIError) -> ReadPlan.Order.Key {
        if let relation = term.relation { return try relatedKey(relation, term.field, scope, in: plan) }
        let isNamed = term.field.path.isEmpty
        let member = isNamed ? plan.output.firstIndex { $0.name.isIdenticalBytes(term.field.column.string) && plan.isOrderable($0) } : nil
        guard scope.find(term.field.column) != nil || member == nil else { return .output(member ?? 0) }

        let value = try scope.require(term.field)
        guard plan.isGrouped else { return .value(value) }
        let position = plan.output.firstIndex { $0.aggregate == nil && $0.expression == .value(value, cast: nil) } ?? member
        guard let position else {
            throw APIError(
                400, "42803",
                "column \"\(scope.name).\(term.field.column.string)\" must be selected or be used in an aggregate function to be ordered by"
            )
        }
        return .output(position)
    }

    private func relatedKey(
        _ relation: ExactString, _ field: Field, _ scope: ReadScope, in plan: ReadPlan
    ) throws(APIError) -> ReadPlan.Order.Key {
        guard let index = index(ofEmbed: relation, in: plan) else {
            let name = APIError.excerpt(relation.string)
            throw APIError(
                400, "PGRST108", "'\(name)' is not an embedded resource in this request",
                hint: "Verify that '\(name)' is included in the 'select' query parameter.")
        }
        let embed = plan.embeds[index]
        guard embed.relationship.isToOne, let table = embed.plan.relation else {
            throw APIError(
                400, "PGRST118", "A related order on '\(relation.string)' is not possible",
                details: "'\(scope.name)' and '\(relation.string)' do not form a many-to-one or one-to-one relationship")
        }
        guard !plan.isGrouped else {
            throw APIError(400, "42803", "Groups cannot be ordered by a column of '\(relation.string)'")
        }
        do throws(APIError) {
            return .related(index, try ReadScope(table, catalog: catalog).require(field))
        } catch {
            throw error.inside(RequiredScope(action: "read", resource: table.name))
        }
    }

    /// Makes the order total, for pages that begin behind a row.
    ///
    /// - Throws: 400 `PGRST100` where rows have no key, the order is not by columns that are never null, or the values do not fit it.
    func page(_ plan: inout ReadPlan, _ cursor: QueryShape.Cursor) throws(APIError) {
        guard case .table(let table) = plan.source, !table.primaryKey.isEmpty, !plan.isGrouped else {
            throw APIError(400, "PGRST100", "after: only rows of a table with a primary key can be paged through")
        }
        var names: Set<ExactString> = []
        for index in plan.order.indices {
            guard case .value(let value) = plan.order[index].key, case .column(let column) = value.base, value.path.isEmpty,
                !column.isNullable
            else { throw APIError(400, "PGRST100", "after: the order must be by columns of \(table.name) that are never null") }
            names.insert(ExactString(column.name))
            plan.order[index].nulls = nil
        }
        let isDescending = plan.order.last?.isDescending ?? false
        for name in table.primaryKey where !names.contains(ExactString(name)) {
            guard let column = table.column(name) else { throw .unknownColumn(name, table: table.name) }
            plan.order.append(ReadPlan.Order(key: .value(ReadPlan.Value(base: .column(column))), isDescending: isDescending))
        }
        plan.cursor = ReadPlan.Cursor()
        if case .row(let values) = cursor {
            guard values.count == plan.order.count else {
                throw APIError(
                    400, "PGRST100", "after: \(values.count) values for \(plan.order.count) columns",
                    details: "Expected are: \(plan.order.compactMap(\.columnName).joined(separator: ", "))")
            }
            plan.cursor?.values = values
        }
    }
}

extension ReadPlan {
    /// Whether a member is neither an object nor an array.
    fileprivate func isOrderable(_ output: Output) -> Bool {
        switch output.expression {
        case .value, .rows: true
        case .member(let index, _): output.aggregate != nil || embeds[index].relationship.isToOne
        case .embedded: false
        }
    }
}

extension ReadPlan.Order {
    fileprivate var columnName: String? {
        if case .value(let value) = key, case .column(let column) = value.base { column.name } else { nil }
    }
}
