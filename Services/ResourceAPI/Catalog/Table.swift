import JSON

/// An exposed table or view. `tenant_id` is not among its columns, keys or constraints: nothing built on this type can name it.
struct Table: Sendable, Equatable {
    enum Kind: Sendable, Hashable {
        case table
        /// Runs with the rights of who reads it.
        case view
        case materializedView
    }

    enum Privilege: String, Sendable, Hashable, CaseIterable {
        case select = "SELECT"
        case insert = "INSERT"
        case update = "UPDATE"
        case delete = "DELETE"
    }

    let schema: String
    let name: String
    let kind: Kind
    /// Reference data: the same rows for every tenant.
    let isShared: Bool
    /// What the database role of this service may do; of a view, what the view can do as well.
    let privileges: Set<Privilege>
    /// In the table's order.
    let columns: [Column]
    /// Names of the primary key's columns; empty when there is none. Of a view, of the table behind it, if all are in the view.
    let primaryKey: [String]
    /// By constraint name.
    let constraints: [String: Constraint]
    let comment: String?
    let features: Features
    let foreignCode: ForeignCode

    /// When functions that developers wrote run, without being called by name.
    enum ForeignCode: Sendable, Hashable {
        case never
        /// When its rows are written.
        case written
        /// When they are read, and when they are written.
        case always
    }

    /// What was declared of a table beyond its isolation.
    struct Features: Sendable, Equatable {
        /// `sallyport.enable_soft_delete`: the column that says when a row was deleted.
        var softDeleteColumn: String?
        /// `sallyport.enable_audit`
        var isAudited = false
        /// `sallyport.enable_workflow`
        var workflow: Workflow?
        /// Columns that triggers fill, whatever is written to them.
        var maintainedColumns: [String] = []

        fileprivate var names: [String] {
            let states = (workflow?.transitions ?? [:]).sorted { $0.key < $1.key }.flatMap { [$0.key] + $0.value }
            return [softDeleteColumn ?? "", workflow?.column ?? ""] + states + maintainedColumns
        }
    }

    struct Workflow: Sendable, Equatable {
        let column: String
        /// From a state to those that may follow it; from "" to those that a new row may have.
        let transitions: [String: [String]]
    }

    private let positions: [String: Int]

    init(
        schema: String, name: String, kind: Kind = .table, isShared: Bool, privileges: Set<Privilege>, columns: [Column],
        primaryKey: [String], constraints: [String: Constraint] = [:], comment: String? = nil, features: Features = Features(),
        foreignCode: ForeignCode = .never
    ) {
        self.schema = schema
        self.name = name
        self.kind = kind
        self.isShared = isShared
        self.privileges = privileges
        self.columns = columns
        self.primaryKey = primaryKey
        self.constraints = constraints
        self.comment = comment
        self.features = features
        self.foreignCode = foreignCode
        positions = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    var id: RelationID { RelationID(schema: schema, name: name) }

    /// The column of exactly this name: `==` alone would also take canonically equivalent text.
    func column(_ name: String) -> Column? {
        guard let position = positions[name], columns[position].name.utf8.elementsEqual(name.utf8) else { return nil }
        return columns[position]
    }

    /// Its own name and all within it, in an order that equal tables share.
    var names: [ExactString] {
        let constraints = constraints.sorted { $0.key < $1.key }.flatMap { [$0.key] + $0.value.names }
        return ([schema, name] + columns.flatMap(\.names) + primaryKey + constraints + features.names).map(ExactString.init)
    }
}

/// A table or view, by its exact name.
struct RelationID: Sendable, Hashable {
    let schema: ExactString
    let name: ExactString

    init(schema: String, name: String) {
        self.schema = ExactString(schema)
        self.name = ExactString(name)
    }
}

struct Column: Sendable, Hashable {
    let name: String
    /// As `format_type` writes it, with its modifier: `numeric(12,2)`.
    let type: String
    let isNullable: Bool
    let hasDefault: Bool
    /// Computed by the database, or an identity that accepts no value.
    let isGenerated: Bool
    let comment: String?
    /// The default's expression, for OpenAPI and for `missing=default`.
    var defaultExpression: String?
    /// Of an enum type (or a domain over one), its labels in order.
    var enumLabels: [String] = []
    /// The type's kind: what full-text search, JSON paths and formats need to know.
    var kind = Kind.other
    /// Of a table's or view's column whose type is a domain with representations of its own; at most one for each direction.
    var casts: [DomainCast] = []

    /// What it speaks of, its texts too.
    var names: [String] { [name, type, comment ?? "", defaultExpression ?? ""] + enumLabels + casts.flatMap(\.names) }

    /// The cast of this direction, if the domain has it.
    func cast(_ direction: DomainCast.Direction) -> DomainCast? { casts.first { $0.direction == direction } }

    enum Kind: Sendable, Hashable {
        case text
        case json
        case jsonb
        case tsvector
        case composite
        case array
        case range
        case other
    }
}

/// A constraint or unique index, for wording an error without the database's own text.
struct Constraint: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case unique
        /// To this table, by its bare name.
        case foreignKey(to: String)
        case check
    }

    let kind: Kind
    let columns: [String]

    /// What it speaks of.
    fileprivate var names: [String] {
        if case .foreignKey(let other) = kind { columns + [other] } else { columns }
    }
}
