import JSON

/// What the exposed schemas offer: the tables that may be served and why the others may not.
///
/// A value read at one moment. Identifiers in SQL come from here and from nowhere else.
struct Catalog: Sendable, Equatable {
    /// A table, view or function that was found but is not served.
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
    /// By source; those of one source in a fixed order.
    let relationships: [RelationID: [Relationship]]
    /// By schema, then by name: the overloads.
    let functions: [String: [String: [Function]]]
    /// Declared functions of one row of a table, which can be selected, filtered and ordered by like columns; by table.
    let computedColumns: [RelationID: [Function]]
    /// Names that `Prefer: timezone` may give.
    let timeZones: Set<String>
    let refusals: [Refusal]

    init(
        schemas: [String], tables: [Table], relationships: [Relationship] = [], functions: [Function] = [],
        computedColumns: [RelationID: [Function]] = [:], timeZones: Set<String> = [], refusals: [Refusal] = []
    ) {
        self.schemas = schemas
        self.refusals = refusals
        self.timeZones = timeZones
        self.computedColumns = computedColumns
        self.relationships = Dictionary(grouping: relationships, by: \.source)
        var bySchema: [String: [String: Table]] = [:]
        for table in tables { bySchema[table.schema, default: [:]][table.name] = table }
        self.tables = bySchema
        var functionsBySchema: [String: [String: [Function]]] = [:]
        for function in functions { functionsBySchema[function.schema, default: [:]][function.name, default: []].append(function) }
        self.functions = functionsBySchema
    }

    /// The table of exactly this name.
    ///
    /// - Throws: 404 `PGRST205`; 406 `PGRST106` for a schema that is not exposed.
    func table(named name: String, schema: String? = nil) throws(APIError) -> Table {
        let schema = schema ?? schemas.first ?? ""
        guard let table = table(RelationID(schema: schema, name: name)) else { throw .unknownTable(name, schema: schema) }
        return table
    }

    func table(_ id: RelationID) -> Table? {
        guard let table = tables[id.schema.string]?[id.name.string], table.id == id else { return nil }
        return table
    }

    /// Whether requests are planned alike against both: `==` alone would also take canonically equivalent names for the same.
    func isIdentical(to other: Catalog) -> Bool {
        self == other && names == other.names
    }

    /// Every name that may end up in a statement or an answer, in an order that equal catalogs share.
    private var names: [ExactString] {
        let tables = tables.values.flatMap(\.values).sorted { ($0.schema, $0.name) < ($1.schema, $1.name) }
        let functions = functions.sorted { $0.key < $1.key }.flatMap { $0.value.sorted { $0.key < $1.key }.flatMap(\.value) }
        var names = tables.flatMap(\.names) + functions.flatMap(\.names)
        for table in tables {
            names += (relationships[table.id] ?? []).flatMap(\.names) + (computedColumns[table.id] ?? []).flatMap(\.names)
        }
        return names
    }
}
