import JSON

/// Where columns are shown and compared in their domain's own representation.
extension ReadPlan {
    /// The cast that renders a member. What the request casts itself, a path finds or an aggregate computes is of the stored value.
    func outputCast(_ output: Output) -> DomainCast? {
        guard output.aggregate == nil else { return nil }
        switch output.expression {
        case .value(let value, cast: nil): return value.column?.cast(.toJSON)
        case .member(let index, let name):
            guard embeds[index].relationship.isToOne, let position = embeds[index].position(ofMember: name) else { return nil }
            return embeds[index].plan.outputCast(embeds[index].plan.output[position])
        case .value, .rows, .embedded: return nil
        }
    }

    /// Whether a member that a cast renders is grouped and ordered by what is stored, which `json` cannot be.
    func hasStoredKey(_ output: Output) -> Bool {
        guard outputCast(output) != nil else { return false }
        switch output.expression {
        case .value(let value, _): return value.kind != .json
        case .member(let index, let name):
            let inner = embeds[index].plan
            return embeds[index].position(ofMember: name).map { inner.hasStoredKey(inner.output[$0]) } ?? false
        case .rows, .embedded: return false
        }
    }

    /// Functions that developers wrote for domains, here and not in what is embedded.
    var usesCasts: Bool {
        output.contains { outputCast($0) != nil } || conditions.contains(where: \.usesCasts)
    }
}

extension ReadPlan.Embedding {
    func position(ofMember name: String) -> Int? {
        plan.output.firstIndex { $0.name.isIdenticalBytes(name) }
    }
}

extension ReadPlan.Value {
    /// Nil for a part of a column, and for what is computed.
    var column: Column? {
        if path.isEmpty, case .column(let column) = base { column } else { nil }
    }

    /// The cast that a value goes through to be compared with this one.
    func inputCast(for operation: Filter.Operation) -> DomainCast? {
        operation.takesValueOfField ? column?.cast(.fromText) : nil
    }
}

extension ReadPlan.Condition {
    fileprivate var usesCasts: Bool {
        switch self {
        case .filter(let value, _, let operation): value.inputCast(for: operation) != nil
        case .deleted, .exists: false
        case .all(let parts, _), .any(let parts, _): parts.contains(where: \.usesCasts)
        }
    }
}

extension Filter.Operation {
    /// Whether the value is one of the field's, or several: not a pattern, a keyword or a text search.
    fileprivate var takesValueOfField: Bool {
        switch self {
        case .compare(let comparison, _), .quantified(let comparison, _, _): !comparison.isPattern
        case .isIn: true
        case .isKeyword, .matches: false
        }
    }
}

extension Filter.Comparison {
    fileprivate var isPattern: Bool {
        switch self {
        case .like, .caseInsensitiveLike, .match, .caseInsensitiveMatch: true
        default: false
        }
    }
}

extension WritePlan {
    /// Functions that developers wrote for the domains of what is written.
    var usesCasts: Bool {
        if case .key(let columns) = answer, columns.contains(where: { $0.keyCast != nil }) { return true }
        switch command {
        case .insert(let body, _), .update(let body, _): return body.usesCasts
        case .put(let body, _, let filters): return body.usesCasts || filters.contains { $0.column.cast(.fromText) != nil }
        case .delete, .mark: return false
        }
    }
}

extension WritePlan.Body {
    fileprivate var usesCasts: Bool { columns.contains { $0.cast(.fromJSON) != nil } }
}

extension Column {
    /// The cast that renders a value for a filter in a URL: only where a filter would be read back.
    var keyCast: DomainCast? { cast(.fromText) == nil ? nil : cast(.toJSON) }
}
