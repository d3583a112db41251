import JSON

/// Makes the operation for all requests of a shape: plans it and writes its statements.
struct OperationMaker {
    /// How far `count=planned` and `count=estimated` count.
    static let countCeiling = 10_000

    let catalog: Catalog
    let maximumRows: Int?
    let allowsAggregates: Bool

    var readPlanner: ReadPlanner {
        ReadPlanner(catalog: catalog, maximumRows: maximumRows, allowsAggregates: allowsAggregates)
    }

    func read(_ shape: RequestShape) throws(APIError) -> Operation {
        let table = try table(shape)
        do throws(APIError) {
            return try read(shape, table)
        } catch {
            throw error.inside(RequiredScope(action: "read", resource: table.name))
        }
    }

    private func read(_ shape: RequestShape, _ table: Table) throws(APIError) -> Operation {
        try TableRights(table: table).require(shape)
        var plan = try readPlanner.plan(shape.query.root, of: .table(table), after: shape.query.after)
        if shape.allowsTag, plan.addressesOneRow || shape.format.isObject { plan = plan.tagged() }
        let isTagged = plan.taggedColumns != nil
        var builder = StatementBuilder()
        let counts = shape.preferences.count.map { RowCounting(upTo: $0 == .exact ? nil : Self.countCeiling) }
        // What the last row or its digest is needed for takes the rows.
        let isCounted = shape.verb.isHead && !isTagged && plan.cursor == nil
        let statement =
            isCounted
            ? ResourceStatement(builder.count(plan, counts), builder, .count(hasTotal: counts != nil))
            : ResourceStatement(
                builder.answer(plan, format: shape.format, counts), builder,
                .rows(hasTotal: counts != nil, hasCursor: plan.cursor != nil, hasTag: isTagged))
        return Operation(
            verb: shape.verb, subject: .table(table), format: shape.format, requiredScopes: plan.requiredScopes, statement: statement,
            countCeiling: counts?.upTo, catalog: catalog, runsForeignCode: plan.runsForeignCode)
    }

    func write(_ shape: RequestShape) throws(APIError) -> Operation {
        let table = try table(shape)
        do throws(APIError) {
            return try write(shape, table)
        } catch {
            let isPurge = shape.verb == .delete && !shape.isRestoration && shape.query.root.conditions.contains { $0.names(.deleted) }
            throw error.inside(RequiredScope(action: isPurge ? "purge" : shape.verb.action, resource: table.name))
        }
    }

    private func write(_ shape: RequestShape, _ table: Table) throws(APIError) -> Operation {
        let planner = WritePlanner(catalog: catalog, table: table, allowsAggregates: allowsAggregates)
        let plan = try planner.plan(shape)
        return Operation(
            verb: shape.verb, subject: .table(table), format: shape.format, requiredScopes: planner.requiredScopes(plan, shape),
            statement: plan.map { WriteStatement.make($0, format: shape.format) }, catalog: catalog, isPurge: plan?.isPurge ?? false,
            runsForeignCode: plan?.runsForeignCode ?? false)
    }

    /// - Throws: 404 `PGRST205`.
    private func table(_ shape: RequestShape) throws(APIError) -> Table {
        try table(named: shape.name.string, schema: shape.schema)
    }

    /// - Throws: 404 `PGRST205`, with the names that may have been meant.
    func table(named name: String, schema: String) throws(APIError) -> Table {
        if let table = catalog.table(RelationID(schema: schema, name: name)) { return table }
        var error = APIError.unknownTable(name, schema: schema)
        let known = catalog.tables[schema].map { $0.keys.sorted() } ?? []
        error.suggestions = Resemblance.ranked(to: name, in: known, by: \.self).map { name in
            .init(
                hint: "Perhaps you meant the table '\(schema).\(name)'",
                anyOf: ["read", "write", "delete"].map { RequiredScope(action: $0, resource: name) })
        }
        throw error
    }
}
