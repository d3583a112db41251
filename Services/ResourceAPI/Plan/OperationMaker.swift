import JSON

/// Makes the operation for all requests of a shape: plans it and writes its statements.
struct OperationMaker {
    let catalog: Catalog
    let maximumRows: Int?

    func read(_ shape: RequestShape) throws(APIError) -> Operation {
        let table = try table(shape)
        try TableRights(table: table).require(shape)
        var plan = try ReadPlanner(catalog: catalog, maximumRows: maximumRows).plan(
            shape.query.root, of: .table(table), after: shape.query.after)
        if shape.allowsTag, plan.addressesOneRow || shape.format.isObject { plan = plan.tagged() }
        let isTagged = plan.taggedColumns != nil
        var builder = StatementBuilder()
        // A page behind a cursor counts all there is: what is counted up to a limit would come behind the cursor's column.
        let isLimited = shape.preferences.count == .estimated && maximumRows != nil && plan.cursor == nil
        let countsAll = shape.preferences.count == .exact || (shape.preferences.count == .estimated && !isLimited)
        let extra = isLimited ? [limitedCount(plan, &builder)] : []
        let hasTotal = countsAll || !extra.isEmpty
        let statement =
            shape.verb.isHead && !isTagged
            ? ResourceStatement(builder.count(plan, countsAll: countsAll, extra: extra), builder, .count(hasTotal: hasTotal))
            : ResourceStatement(
                builder.answer(plan, format: shape.format, countsAll: countsAll, extra: extra), builder,
                .rows(hasTotal: hasTotal, hasCursor: plan.cursor != nil, hasTag: isTagged))
        return Operation(
            verb: shape.verb, subject: .table(table), format: shape.format, requiredScopes: plan.requiredScopes, statement: statement,
            estimate: isLimited || shape.preferences.count == .planned ? estimate(plan) : nil,
            countLimit: isLimited ? maximumRows : nil, catalog: catalog, runsForeignCode: plan.runsForeignCode)
    }

    func write(_ shape: RequestShape) throws(APIError) -> Operation {
        let table = try table(shape)
        let planner = WritePlanner(catalog: catalog, table: table)
        let plan = try planner.plan(shape)
        return Operation(
            verb: shape.verb, subject: .table(table), format: shape.format, requiredScopes: planner.requiredScopes(plan, shape.verb),
            statement: plan.map { WriteStatement.make($0, format: shape.format) }, catalog: catalog, isPurge: plan?.isPurge ?? false,
            runsForeignCode: plan?.runsForeignCode ?? false)
    }

    /// - Throws: 404 `PGRST205`.
    private func table(_ shape: RequestShape) throws(APIError) -> Table {
        try table(named: shape.name.string, schema: shape.schema)
    }

    /// - Throws: 404 `PGRST205`, with the name that may have been meant.
    func table(named name: String, schema: String) throws(APIError) -> Table {
        if let table = catalog.table(RelationID(schema: schema, name: name)) { return table }
        var error = APIError.unknownTable(name, schema: schema)
        let known = catalog.tables[schema].map { $0.keys.sorted() } ?? []
        error.hint = Resemblance.closest(to: name, in: known).map { "Perhaps you meant the table '\(schema).\($0)'" }
        throw error
    }

    // MARK: Counting

    /// For `count=estimated`: rows up to the largest page, and one beyond.
    private func limitedCount(_ plan: ReadPlan, _ builder: inout StatementBuilder) -> String {
        "(SELECT count(*) FROM (\(builder.countable(plan)) LIMIT \((maximumRows ?? 0) + 1)) AS sallyport_counted)"
    }

    private func estimate(_ plan: ReadPlan) -> ResourceStatement {
        var builder = StatementBuilder()
        let text = "EXPLAIN (FORMAT JSON) \(builder.countable(plan))"
        return ResourceStatement(text, builder, .affected)
    }
}
