import JSON

/// Resolves a write's names against its table.
struct WritePlanner: Sendable {
    let catalog: Catalog
    let table: Table

    /// - Returns: nil for a write that touches nothing: an empty array to insert, an empty object to set.
    /// - Throws: 400 for an unknown column (`42703` in the URL, `PGRST204` in the body), a body of the wrong form (`PGRST102`) or a
    ///   PATCH or DELETE of the whole table (`21000`); for PUT 400 `PGRST114`, `PGRST115` and 405 `PGRST105`; 403 (`42501`) where the
    ///   database role lacks the right.
    func plan(_ shape: RequestShape) throws(APIError) -> WritePlan? {
        try TableRights(table: table).require(shape)
        guard let command = try command(shape) else { return nil }
        var plan = WritePlan(table: table, command: command, answer: try answer(shape, command))
        plan.rowCondition = shape.rowCondition
        switch shape.verb {
        case .update, .delete: plan.maximumAffected = shape.maximumAffected
        default: break
        }
        return plan
    }

    /// What the token must allow: the write, and reading all that is read.
    func requiredScopes(_ plan: WritePlan?, _ verb: Verb) -> [RequiredScope] {
        var scopes = [RequiredScope(action: plan?.isPurge == true ? "purge" : verb.action, resource: table.name)]
        func add(_ more: [RequiredScope]) {
            for scope in more where !scopes.contains(scope) { scopes.append(scope) }
        }
        switch plan?.command {
        case .delete(let rows) where plan?.isPurge == true:
            add(rows.relatedScopes.filter { $0 != RequiredScope(action: "delete", resource: table.name) })
        case .update(_, let rows), .delete(let rows), .mark(let rows, _):
            // To say which rows of its own table a write means is no reading of them.
            add(rows.relatedScopes)
        default: break
        }
        if case .rows(let rows)? = plan?.answer { add(rows.requiredScopes) }
        return scopes
    }

    // MARK: The parts

    private func command(_ shape: RequestShape) throws(APIError) -> WritePlan.Command? {
        switch shape.verb {
        case .insert:
            guard let body = try body(shape) else { return nil }
            return .insert(body, try conflict(shape))
        case .put:
            return try put(shape)
        case .update:
            guard shape.payload?.rowCount ?? 0 <= 1 else { throw .invalidBody("The body of a PATCH must be one object") }
            let rows = try rows(shape)
            guard let body = try body(shape), !body.columns.isEmpty else { return nil }
            return .update(body, rows)
        case .delete:
            return try deletion(try rows(shape), isRestoration: shape.isRestoration)
        case .read, .head, .call, .callReading, .callHead:
            throw .internalError
        }
    }

    /// - Returns: nil for an empty array.
    private func body(_ shape: RequestShape) throws(APIError) -> WritePlan.Body? {
        guard let payload = shape.payload else { throw .invalidBody("Empty or invalid json") }
        let isArray: Bool
        switch payload.form {
        case .object: isArray = false
        case .array: isArray = true
        case .raw: throw .invalidBody("The body must be an object or an array of objects")
        }
        guard payload.rowCount > 0 else { return nil }
        guard shape.query.columns != nil || payload.isUniform else {
            throw .invalidBody("All object keys must match", hint: "Name the columns with ?columns=")
        }
        var columns: [Column] = []
        for name in shape.query.columns ?? payload.keys { columns.append(try bodyColumn(name)) }
        guard !columns.isEmpty || payload.rowCount == 1 else { throw .invalidBody("Several rows need at least one column") }
        return WritePlan.Body(columns: columns, isArray: isArray, usesDefaults: shape.preferences.usesDefaults)
    }

    private func bodyColumn(_ name: ExactString) throws(APIError) -> Column {
        guard let column = table.column(name.string) else { throw .unknownBodyColumn(name.string, table: table.name) }
        guard !column.isGenerated else {
            throw APIError(400, "428C9", "column \"\(column.name)\" is computed by the database and takes no value")
        }
        try requireUnmarked(column)
        return column
    }

    /// By `on_conflict` or else the primary key; nil where neither is there, or no resolution is asked for.
    private func conflict(_ shape: RequestShape) throws(APIError) -> WritePlan.Conflict? {
        guard let resolution = shape.preferences.resolution else { return nil }
        var target: [Column] = []
        for name in shape.query.onConflict ?? table.primaryKey.map(ExactString.init) {
            guard let column = table.column(name.string) else { throw .unknownColumn(name.string, table: table.name) }
            target.append(column)
        }
        return target.isEmpty ? nil : WritePlan.Conflict(target: target, resolution: resolution)
    }

    private func put(_ shape: RequestShape) throws(APIError) -> WritePlan.Command {
        let root = shape.query.root
        guard root.limit == .none, root.offset == nil else {
            throw APIError(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")
        }
        let filters = try keyFilters(root.conditions)
        guard let body = try body(shape), shape.payload?.rowCount == 1,
            filters.allSatisfy({ filter in body.columns.contains { $0.name == filter.column.name } })
        else { throw Self.keyMismatch }
        return .put(body, WritePlan.Conflict(target: filters.map(\.column), resolution: .mergeDuplicates), filters)
    }

    static let keyMismatch = APIError(400, "PGRST115", "Payload values do not match URL in primary key column(s)")

    /// Each column of the primary key once, by `eq`, and nothing else.
    private func keyFilters(_ conditions: [Condition]) throws(APIError) -> [WritePlan.KeyFilter] {
        var filters: [WritePlan.KeyFilter] = []
        for condition in conditions {
            guard case .filter(let filter) = condition, case .compare(.equal, let value) = filter.operation, !filter.isNegated,
                filter.field.path.isEmpty, let column = table.column(filter.field.column.string), table.primaryKey.contains(column.name),
                !filters.contains(where: { $0.column.name == column.name })
            else { throw wrongFilters }
            filters.append(WritePlan.KeyFilter(column: column, value: value))
        }
        guard !filters.isEmpty, filters.count == table.primaryKey.count else { throw wrongFilters }
        return filters
    }

    private var wrongFilters: APIError {
        var error = APIError(405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators")
        error.headers = [APIError.Header(name: "Allow", value: TableRights(table: table).allow)]
        return error
    }

    /// Which rows are meant.
    private func rows(_ shape: RequestShape) throws(APIError) -> ReadPlan {
        var selection = shape.query.root
        // They choose among the rows given back; without these they could only mean to choose among the rows written.
        guard selection.limit == .none && selection.offset == nil || shape.preferences.returning == .representation else {
            throw .unsupported("limit and offset on a write", "")
        }
        guard !selection.conditions.isEmpty else {
            let statement = shape.verb == .update ? "UPDATE" : "DELETE"
            throw APIError(
                400, "21000", "\(statement) requires a filter", hint: "To mean every row, give a filter that is true of all of them")
        }
        selection.items =
            selection.items?.filter { item in
                if case .relation(let embed) = item { selection.conditions.contains { $0.names(embed.name) } } else { false }
            } ?? []
        selection.order = []
        selection.limit = .none
        selection.offset = nil
        let plan = try ReadPlanner(catalog: catalog, maximumRows: nil).plan(selection, of: .table(table))
        guard shape.rowCondition == .none || plan.addressesOneRow else { throw RowCondition.needsKey }
        return plan
    }

    private func answer(_ shape: RequestShape, _ command: WritePlan.Command) throws(APIError) -> WritePlan.Answer {
        var selection = shape.query.root
        selection.conditions = []
        // Names that do not exist are refused even where nothing is given back.
        let rows = try ReadPlanner(catalog: catalog, maximumRows: nil).plan(selection, of: .written(table))
        switch shape.preferences.returning {
        case .representation:
            return .rows(shape.allowsTag && writesOneRow(command, shape) ? rows.tagged() : rows)
        case .headersOnly where shape.verb == .insert && !table.primaryKey.isEmpty:
            return .key(table.primaryKey.compactMap(table.column))
        case .headersOnly, .minimal, nil: return .nothing
        }
    }
}

extension WritePlanner {
    /// Whether there is one row at most to answer with, and it is there afterwards.
    private func writesOneRow(_ command: WritePlan.Command, _ shape: RequestShape) -> Bool {
        switch command {
        case .insert: shape.payload?.rowCount == 1
        case .put: true
        case .update(_, let rows), .mark(let rows, _): rows.addressesOneRow
        // What is gone has no state to come back to.
        case .delete: false
        }
    }
}

extension Condition {
    /// Whether a filter in it is on this name.
    fileprivate func names(_ name: ExactString) -> Bool {
        switch self {
        case .filter(let filter): filter.field.column == name
        case .all(let conditions, _), .any(let conditions, _): conditions.contains { $0.names(name) }
        }
    }
}
