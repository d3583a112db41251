import JSON

/// Embedded relations: as JSON in the select list, as tests in WHERE, and joined where their columns are spread or ordered by.
///
/// In the select list they are computed for the rows that are returned and no others, whatever the limit; in WHERE the planner may
/// begin with either relation.
extension StatementBuilder {
    /// The relation as one JSON value.
    mutating func json(_ embed: ReadPlan.Embedding, of row: RowName) -> String {
        let rows = related(embed, of: row)
        if !embed.relationship.isToOne {
            let list = measured(rows, of: embed.plan)
            return "(SELECT coalesce(json_agg(\(embed.alias).*), '[]') FROM (\(list)) AS \(embed.alias)\(refusal(of: embed)))"
        }
        return "(SELECT row_to_json(\(embed.alias).*) FROM (\(rows)) AS \(embed.alias))"
    }

    /// Whether there is a related row.
    mutating func existence(_ embed: ReadPlan.Embedding, of row: RowName) -> String {
        let plan = embed.plan
        // A group or a page may be empty where its relation is not, and the other way round.
        if plan.isGrouped || plan.offset != nil || plan.limit == .literal(0) { return "EXISTS (\(related(embed, of: row)))" }
        let (origin, conditions) = origin(of: embed, from: row)
        let restrictions = conditions + restrictionsAndInner(of: plan, on: RowName(name: plan.alias))
        return "EXISTS (SELECT FROM \(origin)\(clause("WHERE", restrictions, " AND ")))"
    }

    /// The relation's columns for the row around it: of a to-many relationship an array each.
    mutating func spread(_ embed: ReadPlan.Embedding, of row: RowName) -> String {
        let rows = related(embed, of: row)
        guard !embed.relationship.isToOne else { return " LEFT JOIN LATERAL (\(rows)) AS \(embed.alias) ON TRUE" }
        let inner = embed.alias + "s"
        let members = embed.plan.output.map { "coalesce(json_agg(\(inner).\(quoted($0.name))), '[]') AS \(quoted($0.name))" }
        return
            " LEFT JOIN LATERAL (SELECT \(members.joined(separator: ", ")) FROM (\(measured(rows, of: embed.plan))) AS \(inner)\(refusal(of: embed))) AS \(embed.alias) ON TRUE"
    }

    private func refusal(of embed: ReadPlan.Embedding) -> String {
        guard let maximum = embed.plan.refusesBeyond else { return "" }
        let message = "A row has more than \(maximum) related rows in \(APIError.excerpt(embed.name.string))"
        let refusal = "sallyport.refuse('54000', \(literal(message)), NULL, 'Give the relation a limit, or export it by itself')"
        return " HAVING CASE WHEN count(*) <= \(maximum) THEN true ELSE \(refusal) END"
    }

    /// A value of a to-one relation under an alias of its own, to order by.
    mutating func join(_ value: ReadPlan.Value, of embed: ReadPlan.Embedding, as alias: String, row: RowName) -> String {
        let plan = embed.plan
        let inner = RowName(name: plan.alias)
        let (origin, conditions) = origin(of: embed, from: row)
        let restrictions = conditions + restrictionsAndInner(of: plan, on: inner)
        let text = self.value(value, of: inner, isCompared: true)
        let bound = plan.maximumRows == nil ? "" : " LIMIT 1"
        return
            " LEFT JOIN LATERAL (SELECT \(text) AS value FROM \(origin)\(clause("WHERE", restrictions, " AND "))\(bound)) AS \(alias) ON TRUE"
    }

    /// FROM, and what ties its rows to the row around it.
    mutating func origin(of embed: ReadPlan.Embedding, from row: RowName) -> (String, [String]) {
        let (relationship, alias) = (embed.relationship, embed.plan.alias)
        switch relationship.cardinality {
        case .manyToOne(_, let pairs), .oneToMany(_, let pairs), .oneToOne(_, let pairs, _):
            return ("\(quoted(relationship.target)) AS \(alias)", equalities(pairs, row.name, alias))
        case .manyToMany(let junction):
            let through = alias + "j"
            let ties = equalities(junction.targetColumns, through, alias).joined(separator: " AND ")
            var conditions = equalities(junction.sourceColumns, row.name, through)
            if let column = embed.junction?.features.softDeleteColumn { conditions.append("\(through).\(quoted(column)) IS NULL") }
            return ("\(quoted(junction.table)) AS \(through) JOIN \(quoted(relationship.target)) AS \(alias) ON \(ties)", conditions)
        case .computed(let function, _):
            return ("\(quoted(function))(\(wholeRow(row))) AS \(alias)", [])
        }
    }

    private func equalities(_ pairs: [Relationship.ColumnPair], _ local: String, _ foreign: String) -> [String] {
        pairs.map { "\(foreign).\(quoted($0.foreign)) = \(local).\(quoted($0.local))" }
    }
}
