import JSON

/// Finds how relations refer to each other: along foreign keys, of the tables themselves or of what views show of them.
struct RelationshipBuilder {
    /// A relation that shows a table's columns, the table itself or a view: by the table's column numbers, the names here.
    private struct Appearance {
        let table: Table
        let names: [Int: [String]]

        /// Whether no row of the table comes twice: of a view, whether the table's columns alone are its key.
        var showsRowsOnce: Bool {
            guard table.kind != .table else { return true }
            let shown = Set(names.values.flatMap(\.self).map(ExactString.init))
            return !table.primaryKey.isEmpty && table.primaryKey.allSatisfy { shown.contains(ExactString($0)) }
        }
    }

    private let builder: CatalogBuilder
    private let constraints: [CatalogRows.ConstraintRow]
    /// By the table that appears.
    private let appearances: [Int64: [Appearance]]
    /// Column sets without the tenant, of each table's unique keys.
    private let uniqueKeys: [Int64: Set<Set<Int>>]

    init(_ builder: CatalogBuilder, served: [Int64: Table], constraints: [CatalogRows.ConstraintRow]) {
        self.builder = builder
        self.constraints = constraints
        var appearances: [Int64: [Appearance]] = [:]
        for relation in builder.rows.relations {
            guard let table = served[relation.id] else { continue }
            var shown: [Int64: [Int: [String]]] = [:]
            for column in builder.visibleColumns(of: relation.id) {
                let origin = builder.origins.origin(of: column.number, in: relation.id)
                shown[origin.relation, default: [:]][origin.column, default: []].append(column.name)
            }
            for (origin, names) in shown { appearances[origin, default: []].append(Appearance(table: table, names: names)) }
        }
        self.appearances = appearances
        var uniqueKeys: [Int64: Set<Set<Int>>] = [:]
        for constraint in constraints where constraint.isTotal {
            uniqueKeys[constraint.relation, default: []].insert(
                Set(constraint.columns.filter { builder.column($0, of: constraint.relation)?.name != "tenant_id" }))
        }
        self.uniqueKeys = uniqueKeys
    }

    /// In an order that the same catalog gives again.
    func relationships() -> [Relationship] {
        let direct = constraints.filter { $0.kind == "f" }.flatMap(relationships)
        return direct + throughJunctions(direct)
    }

    private func relationships(_ key: CatalogRows.ConstraintRow) -> [Relationship] {
        let pairs = zip(key.columns, key.otherColumns).filter { mine, theirs in
            // Row-level security compares the tenant.
            builder.column(mine, of: key.relation)?.name != "tenant_id" || builder.column(theirs, of: key.other)?.name != "tenant_id"
        }
        guard !pairs.isEmpty else { return [] }
        let isUnique = uniqueKeys[key.relation]?.contains(Set(pairs.map(\.0))) ?? false
        var found: [Relationship] = []
        for child in appearances[key.relation] ?? [] {
            for parent in appearances[key.other] ?? [] {
                // A view that joins both is not related to itself by that.
                if child.table.id == parent.table.id, key.relation != key.other { continue }
                let isOneToOne = isUnique && child.showsRowsOnce
                for columns in columnPairs(pairs, child, parent) {
                    found.append(
                        Relationship(
                            source: child.table.id, target: parent.table.id,
                            cardinality: isOneToOne
                                ? .oneToOne(constraint: key.name, columns, isParent: false) : .manyToOne(constraint: key.name, columns)))
                    let back = columns.map { Relationship.ColumnPair(local: $0.foreign, foreign: $0.local) }
                    found.append(
                        Relationship(
                            source: parent.table.id, target: child.table.id,
                            cardinality: isOneToOne
                                ? .oneToOne(constraint: key.name, back, isParent: true) : .oneToMany(constraint: key.name, back)))
                }
            }
        }
        return found
    }

    /// The ways in which the key's columns can be named; empty unless all are shown on both sides. A view may show a column twice,
    /// under two names: for keys of one column each counts, for longer ones the first.
    private func columnPairs(_ pairs: [(Int, Int)], _ child: Appearance, _ parent: Appearance) -> [[Relationship.ColumnPair]] {
        var named: [(mine: [String], theirs: [String])] = []
        for (mine, theirs) in pairs {
            guard let mine = child.names[mine], let theirs = parent.names[theirs] else { return [] }
            named.append((mine, theirs))
        }
        guard named.count == 1 else {
            return [named.map { Relationship.ColumnPair(local: $0.mine[0], foreign: $0.theirs[0]) }]
        }
        return named[0].mine.flatMap { mine in named[0].theirs.map { [Relationship.ColumnPair(local: mine, foreign: $0)] } }
    }

    /// Two references of one relation whose columns are all in its primary key relate what they refer to.
    private func throughJunctions(_ direct: [Relationship]) -> [Relationship] {
        struct Reference {
            let target: RelationID
            let constraint: String
            let columns: [Relationship.ColumnPair]
        }
        func columns(_ pairs: [Relationship.ColumnPair]) -> [ExactString] { pairs.map { ExactString($0.local) } }
        var references: [RelationID: [Reference]] = [:]
        var order: [RelationID] = []
        var keys: [RelationID: Set<ExactString>] = [:]
        for table in appearances.values.flatMap({ $0 }).map(\.table) { keys[table.id] = Set(table.primaryKey.map(ExactString.init)) }
        for relationship in direct {
            let reference: Reference
            switch relationship.cardinality {
            case .manyToOne(let constraint, let columns), .oneToOne(let constraint, let columns, isParent: false):
                reference = Reference(target: relationship.target, constraint: constraint, columns: columns)
            default: continue
            }
            guard keys[relationship.source]?.isSuperset(of: columns(reference.columns)) ?? false else { continue }
            if references[relationship.source] == nil { order.append(relationship.source) }
            references[relationship.source, default: []].append(reference)
        }
        var found: [Relationship] = []
        for junction in order {
            let all = references[junction] ?? []
            for first in all {
                for second in all where !first.constraint.isIdenticalBytes(second.constraint) {
                    found.append(
                        Relationship(
                            source: first.target, target: second.target,
                            cardinality: .manyToMany(
                                Relationship.Junction(
                                    table: junction, sourceConstraint: first.constraint,
                                    sourceColumns: first.columns.map { .init(local: $0.foreign, foreign: $0.local) },
                                    targetConstraint: second.constraint, targetColumns: second.columns))))
                }
            }
        }
        return found
    }
}
