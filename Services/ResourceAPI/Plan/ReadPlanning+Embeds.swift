import JSON

extension ReadPlanning {
    /// Plans an embedded relation.
    ///
    /// - Returns: its position in the plan.
    mutating func append(_ embed: Embed, _ scope: ReadScope, to plan: inout ReadPlan, depth: Int) throws(APIError) -> Int {
        embedCount += 1
        guard embedCount <= Self.maximumEmbeds else {
            throw APIError(400, "PGRST100", "More than \(Self.maximumEmbeds) relations are embedded")
        }
        guard depth < Self.maximumDepth else {
            throw APIError(400, "PGRST100", "Relations are embedded more than \(Self.maximumDepth) levels deep")
        }
        let relationship = try RelationshipSearch(catalog: catalog, scope: scope, embed: embed).find()
        guard let table = catalog.table(relationship.target) else {
            throw .unknownTable(relationship.target.name.string, schema: relationship.target.schema.string)
        }
        do throws(APIError) {
            plan.embeds.append(try self.embedding(embed, relationship, table, depth: depth))
        } catch {
            throw error.inside(RequiredScope(action: "read", resource: table.name))
        }
        return plan.embeds.count - 1
    }

    private mutating func embedding(
        _ embed: Embed, _ relationship: Relationship, _ table: Table, depth: Int
    ) throws(APIError) -> ReadPlan.Embedding {
        let number = embedCount
        var junction: Table?
        if case .manyToMany(let through) = relationship.cardinality {
            guard let table = catalog.table(through.table) else {
                throw .unknownTable(through.table.name.string, schema: through.table.schema.string)
            }
            _ = try readable(table)
            junction = table
        }

        var inner = ReadPlan(source: .table(table), relation: table, alias: "t\(number)")
        inner.hoistsAggregates = embed.isSpread && relationship.isToOne
        inner = try self.plan(embed.selection, try readable(table), inner, depth: depth + 1)
        if relationship.isToOne {
            // One row at most needs no order, and a limit only where no key says so.
            if relationship.hasUniqueTarget(table) { inner.order = [] } else { inner.maximumRows = 1 }
        } else {
            inner.maximumRows = planner.maximumRelatedRows.map { $0 + 1 } ?? planner.maximumRows
            inner.refusesBeyond = planner.maximumRelatedRows
            if embed.isSpread, inner.output.contains(where: { $0.aggregate != nil }) {
                throw APIError(
                    400, "PGRST127", "Feature not implemented",
                    details: "Aggregates are not implemented for one-to-many or many-to-many spreads.")
            }
        }
        return ReadPlan.Embedding(
            name: embed.name, relationship: relationship, isInner: embed.isInner, isSpread: embed.isSpread, plan: inner,
            alias: "e\(number)", junction: junction)
    }

    /// The position of the embedded relation that the request calls so.
    func index(ofEmbed name: ExactString, in plan: ReadPlan) -> Int? {
        plan.embeds.firstIndex { $0.name == name }
    }
}

extension Relationship {
    /// Whether a key of the target keeps a to-one relationship to one row.
    fileprivate func hasUniqueTarget(_ target: Table) -> Bool {
        switch cardinality {
        case .manyToOne, .oneToOne: target.kind == .table
        case .oneToMany, .manyToMany, .computed: false
        }
    }
}
