/// What the catalog's statements return, before it is put together. Relations, types and functions go by their OIDs.
struct CatalogRows: Sendable {
    struct Relation: Sendable {
        let id: Int64
        let schema: String
        let name: String
        /// `pg_class.relkind`
        let kind: String
        /// In a schema that is served; the others are what views read, and composite types.
        let isExposed: Bool
        let isShared: Bool
        let privileges: [String]
        let problems: [(problem: String, cure: String)]
        let comment: String?

        var isView: Bool { kind == "v" || kind == "m" }
    }

    struct ColumnRow: Sendable {
        let number: Int
        let name: String
        let type: CatalogType
        let isNullable: Bool
        let hasDefault: Bool
        let isGenerated: Bool
        let defaultExpression: String?
        let comment: String?
    }

    struct ConstraintRow: Sendable {
        let relation: Int64
        let name: String
        /// `pg_constraint.contype`; `u` for a unique index without a constraint.
        let kind: String
        let columns: [Int]
        let other: Int64
        let otherName: String?
        let otherColumns: [Int]
        /// A unique key of all rows, by plain columns.
        let isTotal: Bool
    }

    struct FunctionRow: Sendable {
        let id: Int64
        let schema: String
        let name: String
        /// Of all parameters, OUT and TABLE ones too; modes as in `pg_proc.proargmodes`, empty if all are IN.
        let parameterNames: [String]
        let parameterModes: [String]
        let parameterTypes: [CatalogType]
        let defaults: Int
        let result: CatalogType
        /// The relation that the first parameter's type or the result's type is the row of; 0 if there is none.
        let firstRelation: Int64
        let resultRelation: Int64
        let returnsSet: Bool
        let rows: Double
        let volatility: String
        let isDefiner: Bool
        let comment: String?
        let problems: [(problem: String, cure: String)]
    }

    struct TriggerRow: Sendable {
        let relation: Int64
        let name: String
        let arguments: [String]
    }

    var relations: [Relation] = []
    /// In order.
    var columns: [Int64: [ColumnRow]] = [:]
    var constraints: [ConstraintRow] = []
    var views: [Int64: ViewDefinition] = [:]
    var functions: [FunctionRow] = []
    /// Those whose names begin with `sallyport_`, if they are enabled.
    var triggers: [TriggerRow] = []
    var types = CatalogTypes()
    /// By domain, in a fixed order.
    var casts: [Int64: [DomainCast]] = [:]
    /// Relations that run developers' functions; of the others nothing.
    var foreignCode: [Int64: Table.ForeignCode] = [:]
    var timeZones: Set<String> = []
}

/// A type as a column or parameter has it.
struct CatalogType: Sendable, Hashable {
    let id: Int64
    /// As `format_type` writes it.
    let name: String
    /// `pg_type.typtype` and `pg_type.typcategory`, a character each.
    let kind: String
}

/// The types that a name and a category do not tell enough of: domains and enums.
struct CatalogTypes: Sendable {
    var domains: [Int64: CatalogType] = [:]
    var labels: [Int64: [String]] = [:]

    /// The type that a domain is over; domains over domains are followed.
    func base(of type: CatalogType) -> CatalogType {
        var type = type
        for _ in 0..<32 {
            guard let base = domains[type.id] else { break }
            type = base
        }
        return type
    }

    func labels(of type: CatalogType) -> [String] {
        labels[base(of: type).id] ?? []
    }

    func kind(of type: CatalogType) -> Column.Kind {
        let base = base(of: type)
        switch base.id {
        case 114: return .json
        case 3802: return .jsonb
        case 3614: return .tsvector
        default: break
        }
        switch (base.kind.first, base.kind.last) {
        case ("c", _): return .composite
        case ("r", _), ("m", _): return .range
        case (_, "A"): return .array
        case (_, "S"): return .text
        default: return .other
        }
    }
}
