import JSON

/// How rows of one relation find rows of another, seen from the first.
struct Relationship: Sendable, Hashable {
    enum Cardinality: Sendable, Hashable {
        /// The foreign key is here: one row there at most.
        case manyToOne(constraint: String, [ColumnPair])
        /// The foreign key is there.
        case oneToMany(constraint: String, [ColumnPair])
        /// The foreign key is unique as well. `isParent`: it is there.
        case oneToOne(constraint: String, [ColumnPair], isParent: Bool)
        /// Through a table with foreign keys to both, whose columns are in its primary key.
        case manyToMany(Junction)
        /// A declared function of the row: `FUNCTION name(source) RETURNS SETOF target`; with `ROWS 1`, one row at most.
        case computed(Function, isToOne: Bool)
    }

    struct Junction: Sendable, Hashable {
        let table: RelationID
        /// From the source to the junction: the source's column first.
        let sourceConstraint: String
        let sourceColumns: [ColumnPair]
        /// From the junction to the target: the junction's column first.
        let targetConstraint: String
        let targetColumns: [ColumnPair]
    }

    /// Equal columns of two relations; never `tenant_id`, which row-level security compares.
    struct ColumnPair: Sendable, Hashable {
        let local: String
        let foreign: String
    }

    let source: RelationID
    let target: RelationID
    let cardinality: Cardinality

    /// Whether a row has one match at most: it is embedded as an object, not as an array.
    var isToOne: Bool {
        switch cardinality {
        case .manyToOne, .oneToOne: true
        case .oneToMany, .manyToMany: false
        case .computed(_, let isToOne): isToOne
        }
    }

    var isSelfReference: Bool { source == target }

    /// What it speaks of.
    var names: [ExactString] {
        let texts: [String] =
            switch cardinality {
            case .manyToOne(let constraint, let columns), .oneToMany(let constraint, let columns),
                .oneToOne(let constraint, let columns, _):
                [constraint] + columns.flatMap { [$0.local, $0.foreign] }
            case .manyToMany(let junction):
                [junction.table.schema.string, junction.table.name.string, junction.sourceConstraint, junction.targetConstraint]
                    + (junction.sourceColumns + junction.targetColumns).flatMap { [$0.local, $0.foreign] }
            case .computed(let function, _):
                function.names.map(\.string)
            }
        return [source.schema, source.name, target.schema, target.name] + texts.map(ExactString.init)
    }
}
