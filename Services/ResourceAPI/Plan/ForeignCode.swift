/// Whether functions run that developers wrote: triggers, policies, defaults, columns computed from a row, casts of domains.

extension ReadPlan {
    var runsForeignCode: Bool {
        if relation?.foreignCode == .always || usesCasts { return true }
        if output.contains(where: { if case .value(let value, _) = $0.expression { value.isComputed } else { false } }) { return true }
        if order.contains(where: { $0.key.isComputed }) || conditions.contains(where: \.isComputed) { return true }
        return embeds.contains { embed in
            if case .computed = embed.relationship.cardinality { return true }
            return embed.junction?.foreignCode == .always || embed.plan.runsForeignCode
        }
    }
}

extension ReadPlan.Order.Key {
    fileprivate var isComputed: Bool {
        switch self {
        case .value(let value), .related(_, let value): value.isComputed
        case .output: false
        }
    }
}

extension WritePlan {
    var runsForeignCode: Bool {
        if table.foreignCode != .never || usesCasts { return true }
        if case .rows(let rows) = answer, rows.runsForeignCode { return true }
        switch command {
        case .insert, .put: return false
        case .update(_, let rows), .delete(let rows), .mark(let rows, _): return rows.runsForeignCode
        }
    }
}
