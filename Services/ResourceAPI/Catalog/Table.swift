import JSON

/// An exposed table. `tenant_id` is not among its columns, keys or constraints: nothing built on this type can name it.
struct Table: Sendable, Equatable {
    enum Privilege: String, Sendable, Hashable, CaseIterable {
        case select = "SELECT"
        case insert = "INSERT"
        case update = "UPDATE"
        case delete = "DELETE"
    }

    let schema: String
    let name: String
    /// Reference data: the same rows for every tenant.
    let isShared: Bool
    /// What the database role of this service may do.
    let privileges: Set<Privilege>
    /// In the table's order.
    let columns: [Column]
    /// Names of the primary key's columns; empty when there is none.
    let primaryKey: [String]
    /// By constraint name.
    let constraints: [String: Constraint]
    let comment: String?

    private let positions: [String: Int]

    init(
        schema: String, name: String, isShared: Bool, privileges: Set<Privilege>, columns: [Column], primaryKey: [String],
        constraints: [String: Constraint] = [:], comment: String? = nil
    ) {
        self.schema = schema
        self.name = name
        self.isShared = isShared
        self.privileges = privileges
        self.columns = columns
        self.primaryKey = primaryKey
        self.constraints = constraints
        self.comment = comment
        positions = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The column of exactly this name: `==` alone would also take canonically equivalent text.
    func column(_ name: String) -> Column? {
        guard let position = positions[name], columns[position].name.utf8.elementsEqual(name.utf8) else { return nil }
        return columns[position]
    }

    /// Its own name and all within it, in an order that equal tables share.
    var names: [ExactString] {
        let constraints = constraints.sorted { $0.key < $1.key }.flatMap { [$0.key] + $0.value.names }
        return ([schema, name] + columns.flatMap { [$0.name, $0.type] } + primaryKey + constraints).map(ExactString.init)
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
