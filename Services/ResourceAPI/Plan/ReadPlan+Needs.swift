import JSON

/// What a plan asks of its source, and of the token.
extension ReadPlan {
    /// The root source's columns that members, order and relations are made of, each once: what RETURNING must give.
    var neededColumns: [Column] {
        var columns: [Column] = []
        var names: Set<ExactString> = []
        func need(_ column: Column?) {
            if let column, names.insert(ExactString(column.name)).inserted { columns.append(column) }
        }
        func need(_ value: Value) {
            if case .column(let column) = value.base { need(column) }
        }
        for item in output {
            if case .value(let value, _) = item.expression { need(value) }
        }
        for term in order {
            if case .value(let value) = term.key { need(value) }
        }
        for embed in embeds {
            for name in embed.relationship.localColumns { need(relation?.column(name)) }
        }
        return columns
    }

    /// Whether functions of the row are called, so that the source must give the row itself, as ``wholeRowColumn``.
    var needsWholeRow: Bool {
        let isOutput = output.contains { if case .value(let value, _) = $0.expression { value.isComputed } else { false } }
        let isOrder = order.contains { if case .value(let value) = $0.key { value.isComputed } else { false } }
        let isRelation = embeds.contains { if case .computed = $0.relationship.cardinality { true } else { false } }
        // Those of a write are on the table's own row.
        return isOutput || isOrder || isRelation || (isResult && conditions.contains { !$0.computations.isEmpty })
    }

    /// Reading every relation of the plan, the root's and those that only decide which rows there are included; deleting from those
    /// whose deleted rows are asked for; and calling every function of a row, whether it is a column or a relationship. Of a function's
    /// result, without the function itself.
    var requiredScopes: [RequiredScope] {
        var scopes: [RequiredScope] = []
        if let relation, !isResult { scopes.append(RequiredScope(action: "read", resource: relation.name)) }
        for scope in relatedScopes where !scopes.contains(scope) { scopes.append(scope) }
        return scopes
    }

    /// ``requiredScopes`` without reading the root: for a write that gives nothing back.
    var relatedScopes: [RequiredScope] {
        var scopes: [RequiredScope] = []
        func require(_ scope: RequiredScope) {
            if !scopes.contains(scope) { scopes.append(scope) }
        }
        if case .asked = deletion, let relation { require(RequiredScope(action: "delete", resource: relation.name)) }
        for function in computations { require(RequiredScope(action: "execute", resource: function.name)) }
        for embed in embeds {
            if case .computed(let function, _) = embed.relationship.cardinality {
                require(RequiredScope(action: "execute", resource: function.name))
            }
            if let junction = embed.junction { require(RequiredScope(action: "read", resource: junction.name)) }
            for scope in embed.plan.requiredScopes { require(scope) }
        }
        return scopes
    }

    /// The functions of a row that its own values are computed with, wherever these stand.
    private var computations: [Function] {
        let outputs = output.compactMap { if case .value(let value, _) = $0.expression { value.function } else { nil } }
        let keys = order.compactMap { term in
            switch term.key {
            case .value(let value), .related(_, let value): value.function
            case .output: nil
            }
        }
        return outputs + conditions.flatMap(\.computations) + keys
    }

    private var isResult: Bool {
        if case .result = source { true } else { false }
    }
}

extension ReadPlan.Condition {
    /// Whether a function of the row is called.
    var isComputed: Bool { !computations.isEmpty }

    /// The functions of the row that are called.
    fileprivate var computations: [Function] {
        switch self {
        case .filter(let value, _, _): value.function.map { [$0] } ?? []
        case .deleted, .exists: []
        case .all(let parts, _), .any(let parts, _): parts.flatMap(\.computations)
        }
    }
}

extension ReadPlan.Value {
    var isComputed: Bool { function != nil }

    /// The function that computes it; nil for a column.
    fileprivate var function: Function? {
        if case .computed(let function) = base { function } else { nil }
    }
}

extension Relationship {
    /// The source's own columns that lead to the target.
    var localColumns: [String] {
        switch cardinality {
        case .manyToOne(_, let pairs), .oneToMany(_, let pairs), .oneToOne(_, let pairs, _): pairs.map(\.local)
        case .manyToMany(let junction): junction.sourceColumns.map(\.local)
        case .computed: []
        }
    }
}
