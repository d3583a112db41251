import JSON

/// Finds the relationship that an embedded relation means: by the target's name, a foreign key's name or its column, narrowed by a
/// hint.
struct RelationshipSearch {
    let catalog: Catalog
    let scope: ReadScope
    let embed: Embed

    /// - Throws: 400 `PGRST200` for none, 300 `PGRST201` for several.
    func find() throws(APIError) -> Relationship {
        let known = scope.relation.map { catalog.relationships[$0.id] ?? [] } ?? []
        var matches = known.filter { isServed($0) && isMeant($0) }
        // A declared function takes the place of the foreign keys, a relation of the same schema that of another's.
        matches = preferred(matches) { if case .computed = $0.cardinality { true } else { false } }
        matches = preferred(matches) { $0.target.schema == $0.source.schema }
        if embed.hint == nil, matches.contains(where: \.isSelfReference) {
            matches = preferred(matches) { if case .oneToMany = $0.cardinality { true } else { false } }
        }
        guard let match = matches.first else { throw missing(known) }
        guard matches.count == 1 else { throw ambiguous(matches) }
        return match
    }

    private func preferred(_ matches: [Relationship], _ isPreferred: (Relationship) -> Bool) -> [Relationship] {
        let preferred = matches.filter(isPreferred)
        return preferred.isEmpty ? matches : preferred
    }

    /// Whether all relations on the way are in the catalog.
    private func isServed(_ relationship: Relationship) -> Bool {
        if case .manyToMany(let junction) = relationship.cardinality, catalog.table(junction.table) == nil { return false }
        return catalog.table(relationship.target) != nil
    }

    private func isMeant(_ relationship: Relationship) -> Bool {
        if case .computed(let function, _) = relationship.cardinality { return isTarget(function.name) }
        guard let hint = embed.hint else {
            if isTarget(relationship.target.name.string) { return !relationship.isSelfReference || !relationship.isToOne }
            guard catalog.table(relationship.target)?.kind == .table else { return false }
            // A column stands for its foreign key seen from where the column is.
            if relationship.isChild, relationship.singleLocalColumn.map(isTarget) == true { return true }
            return relationship.constraint.map(isTarget) == true && !relationship.isSelfReference
        }
        guard isTarget(relationship.target.name.string), !relationship.isSelfReference || !relationship.isToOne else { return false }
        return relationship.hints(isOfSelf: relationship.isSelfReference).contains { $0.isIdenticalBytes(hint.string) }
    }

    private func isTarget(_ name: String) -> Bool { name.isIdenticalBytes(embed.relation.string) }

    // MARK: Refusals

    private func missing(_ known: [Relationship]) -> APIError {
        let (origin, target) = (scope.name, APIError.excerpt(embed.relation.string))
        let schema = scope.relation?.schema ?? catalog.schemas.first ?? ""
        let hint = embed.hint.map { " using the hint '\(APIError.excerpt($0.string))'" } ?? ""
        let served = known.filter(isServed)
        var error = APIError(
            400, "PGRST200", "Could not find a relationship between '\(origin)' and '\(target)' in the schema cache",
            details: "Searched for a foreign key relationship between '\(origin)' and '\(target)'\(hint) in the schema '\(schema)', "
                + "but no matches were found.")
        guard !served.contains(where: { isTarget($0.targetName) }) else { return error }
        error.suggestions = Resemblance.ranked(to: embed.relation.string, in: served, by: \.targetName).map {
            .init(hint: "Perhaps you meant '\($0.targetName)' instead of '\(target)'.", anyOf: [$0.nameScope])
        }
        return error
    }

    private func ambiguous(_ matches: [Relationship]) -> APIError {
        let (origin, target) = (scope.name, embed.relation.string)
        var error = APIError(
            300, "PGRST201", "Could not embed because more than one relationship was found for '\(origin)' and '\(target)'")
        error.choices = matches.map { match in
            var writer = JSONWriter(reserving: 256)
            writer.beginObject()
            writer.field("cardinality", match.cardinalityName)
            writer.field("embedding", "\(match.source.name.string) with \(match.target.name.string)")
            writer.field("relationship", match.description)
            writer.endObject()
            return APIError.Choice(
                details: writer.bytes, hint: "'\(match.target.name.string)!\(match.bestHint)'", takes: match.scopes)
        }
        error.choiceLead = "Try changing '\(target)' to"
        return error
    }
}

extension Relationship {
    /// Whether the foreign key is here.
    fileprivate var isChild: Bool {
        switch cardinality {
        case .manyToOne: true
        case .oneToOne(_, _, let isParent): !isParent
        case .oneToMany, .manyToMany, .computed: false
        }
    }

    fileprivate var constraint: String? {
        switch cardinality {
        case .manyToOne(let name, _), .oneToMany(let name, _), .oneToOne(let name, _, _): name
        case .manyToMany, .computed: nil
        }
    }

    private var pairs: [ColumnPair] {
        switch cardinality {
        case .manyToOne(_, let pairs), .oneToMany(_, let pairs), .oneToOne(_, let pairs, _): pairs
        case .manyToMany, .computed: []
        }
    }

    fileprivate var singleLocalColumn: String? { pairs.count == 1 ? pairs[0].local : nil }

    /// The foreign key's name or its column on either side, or what leads on from the junction.
    fileprivate func hints(isOfSelf: Bool) -> [String] {
        if case .manyToMany(let junction) = cardinality {
            let columns = junction.targetColumns.count == 1 ? [junction.targetColumns[0].local] : []
            return [junction.table.name.string, junction.targetConstraint] + columns
        }
        guard let constraint else { return [] }
        guard pairs.count == 1 else { return [constraint] }
        return isOfSelf ? [constraint, pairs[0].foreign] : [constraint, pairs[0].local, pairs[0].foreign]
    }

    /// What a token needs to hear of its ``targetName``.
    fileprivate var nameScope: RequiredScope {
        if case .computed(let function, _) = cardinality { return RequiredScope(action: "execute", resource: function.name) }
        return RequiredScope(action: "read", resource: target.name.string)
    }

    /// What a token needs to hear how it is made.
    fileprivate var scopes: [RequiredScope] {
        let target = RequiredScope(action: "read", resource: target.name.string)
        switch cardinality {
        case .manyToMany(let junction): return [target, RequiredScope(action: "read", resource: junction.table.name.string)]
        case .computed: return [target, nameScope]
        case .manyToOne, .oneToMany, .oneToOne: return [target]
        }
    }

    fileprivate var targetName: String {
        if case .computed(let function, _) = cardinality { function.name } else { target.name.string }
    }

    fileprivate var bestHint: String {
        if case .manyToMany(let junction) = cardinality {
            return isSelfReference ? junction.targetConstraint : junction.table.name.string
        }
        return constraint ?? targetName
    }

    fileprivate var cardinalityName: String {
        switch cardinality {
        case .manyToOne: "many-to-one"
        case .oneToMany: "one-to-many"
        case .oneToOne: "one-to-one"
        case .manyToMany: "many-to-many"
        case .computed(_, let isToOne): isToOne ? "many-to-one" : "one-to-many"
        }
    }

    fileprivate var description: String {
        func list(_ columns: [String]) -> String { "(\(columns.joined(separator: ", ")))" }
        switch cardinality {
        case .manyToOne(let name, let pairs), .oneToMany(let name, let pairs), .oneToOne(let name, let pairs, _):
            return "\(name) using \(source.name.string)\(list(pairs.map(\.local))) and \(target.name.string)\(list(pairs.map(\.foreign)))"
        case .manyToMany(let junction):
            return "\(junction.table.name.string) using \(junction.sourceConstraint)\(list(junction.sourceColumns.map(\.foreign))) "
                + "and \(junction.targetConstraint)\(list(junction.targetColumns.map(\.local)))"
        case .computed(let function, _):
            return function.name
        }
    }
}
