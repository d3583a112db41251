import JSON

/// Resolves a selection's names against the catalog.
struct ReadPlanner: Sendable {
    let catalog: Catalog
    /// Rows that one read returns at most, at the root and in each embedded relation; nil for no bound. What a write gives back is
    /// bounded by the write.
    let maximumRows: Int?
    /// Rows that an embedded relation may have for one row; more are refused (400 `54000`), not left out. Nil: ``maximumRows``, and what is
    /// beyond is left out.
    var maximumRelatedRows: Int?
    /// Whether `count()`, `sum()` and the like may be asked for.
    var allowsAggregates = true

    /// - Throws: 400 `PGRST100` beyond the bounds of one request, `PGRST108`, `PGRST118`, `PGRST120`, `PGRST123`, `PGRST127`, `PGRST200`,
    ///   `42703` for an unknown column, `42803` for one that is neither grouped nor aggregated; 300 `PGRST201`; 403 `42501` where the
    ///   database role may not read a relation.
    func plan(_ selection: Selection, of source: ReadPlan.Source, after: QueryShape.Cursor? = nil) throws(APIError) -> ReadPlan {
        var planning = ReadPlanning(planner: self)
        let scope = try planning.scope(of: source)
        var plan = try planning.plan(selection, scope, ReadPlan(source: source, relation: scope.relation, alias: "t"), depth: 0)
        switch source {
        case .table: plan.maximumRows = maximumRows
        case .result:
            plan.maximumRows = maximumRows
            if case .hidden = plan.deletion { plan.deletion = .none }
        case .written: break
        }
        if let after { try planning.page(&plan, after) }
        return plan
    }
}

/// One plan in the making: counts its parts.
struct ReadPlanning {
    static let maximumEmbeds = 32
    static let maximumDepth = 8
    static let maximumConditions = 256
    static let maximumLogicDepth = 16

    let planner: ReadPlanner
    var embedCount = 0
    var conditionCount = 0

    var catalog: Catalog { planner.catalog }

    init(planner: ReadPlanner) {
        self.planner = planner
    }

    /// - Parameter plan: what is known of it: its source.
    mutating func plan(_ selection: Selection, _ scope: ReadScope, _ plan: ReadPlan, depth: Int) throws(APIError) -> ReadPlan {
        var plan = plan
        plan.limit = selection.limit
        plan.offset = selection.offset
        if let column = scope.relation?.features.softDeleteColumn { plan.deletion = .hidden(column) }
        try select(selection.items ?? [.all], scope, into: &plan, depth: depth)
        plan.conditions = try conditions(selection.conditions, scope, of: &plan, depth: 0)
        for term in selection.order { plan.order.append(try order(term, scope, in: plan)) }
        return plan
    }

    func scope(of source: ReadPlan.Source) throws(APIError) -> ReadScope {
        switch source {
        case .table(let table):
            return try readable(table)
        case .written(let table):
            return ReadScope(table, catalog: catalog)
        case .result(let function):
            if case .relation(let id) = function.result {
                guard let table = catalog.table(id) else { throw .unknownTable(id.name.string, schema: id.schema.string) }
                return ReadScope(table, catalog: catalog)
            }
            return ReadScope(function)
        }
    }

    func readable(_ table: Table) throws(APIError) -> ReadScope {
        guard table.privileges.contains(.select) else {
            throw APIError(403, "42501", "permission denied for table \(table.name)")
        }
        return ReadScope(table, catalog: catalog)
    }
}
