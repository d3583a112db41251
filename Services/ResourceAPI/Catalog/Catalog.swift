import JSON

/// What the exposed schemas offer: the tables that may be served and why the others may not.
///
/// A value read at one moment. Identifiers in SQL come from here and from nowhere else.
struct Catalog: Sendable, Equatable {
    /// A table or view that was found but is not served.
    struct Refusal: Sendable, Hashable {
        /// `schema.name`
        let table: String
        let problem: String
        /// The statement that cures it.
        let cure: String
    }

    /// In order of preference: a name is looked up in the first.
    let schemas: [String]
    /// By schema, then by name.
    let tables: [String: [String: Table]]
    let refusals: [Refusal]

    init(schemas: [String], tables: [Table], refusals: [Refusal] = []) {
        self.schemas = schemas
        self.refusals = refusals
        var bySchema: [String: [String: Table]] = [:]
        for table in tables { bySchema[table.schema, default: [:]][table.name] = table }
        self.tables = bySchema
    }

    /// The table of exactly this name.
    ///
    /// - Throws: 404 `PGRST205`.
    func table(named name: String, schema: String? = nil) throws(APIError) -> Table {
        let schema = schema ?? schemas.first ?? ""
        guard let table = tables[schema]?[name], table.name.utf8.elementsEqual(name.utf8) else {
            throw .unknownTable(name, schema: schema)
        }
        return table
    }

    /// Whether requests are planned alike against both: `==` alone would also take canonically equivalent names for the same.
    func isIdentical(to other: Catalog) -> Bool {
        self == other && names == other.names
    }

    /// Every name that may end up in a statement or an answer, in an order that equal catalogs share.
    private var names: [ExactString] {
        tables.values.flatMap(\.values).sorted { ($0.schema, $0.name) < ($1.schema, $1.name) }.flatMap(\.names)
    }
}
