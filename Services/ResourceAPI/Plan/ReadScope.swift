import JSON

/// What names mean in one relation.
struct ReadScope: Sendable {
    /// Nil where a function returns columns of its own.
    let relation: Table?
    let name: String
    let columns: [Column]
    private let computed: [Function]

    init(_ table: Table, catalog: Catalog) {
        relation = table
        name = table.name
        columns = table.columns
        computed = catalog.computedColumns[table.id] ?? []
    }

    /// Of a function's own columns, or its scalar under ``ReadPlan/scalarColumn``.
    init(_ function: Function) {
        relation = nil
        name = function.name
        computed = []
        switch function.result {
        case .columns(let columns):
            self.columns = columns
        case .scalar(let type):
            columns = [
                Column(name: ReadPlan.scalarColumn, type: type, isNullable: true, hasDefault: false, isGenerated: false, comment: nil)
            ]
        case .void, .relation:
            columns = []
        }
    }

    /// A column, or a declared function of the row.
    func find(_ name: ExactString) -> ReadPlan.Value.Base? {
        let column = relation.map { $0.column(name.string) } ?? columns.first { $0.name.isIdenticalBytes(name.string) }
        if let column { return .column(column) }
        return computed.first { $0.name.isIdenticalBytes(name.string) }.map { .computed($0) }
    }

    /// - Throws: 400 `42703`.
    func require(_ field: Field) throws(APIError) -> ReadPlan.Value {
        guard let base = find(field.column) else {
            var error = APIError.unknownColumn(field.column.string, table: name)
            let names =
                columns.map { (name: $0.name, scopes: []) }
                + computed.map { (name: $0.name, scopes: [RequiredScope(action: "execute", resource: $0.name)]) }
            error.suggestions = Resemblance.ranked(to: field.column.string, in: names, by: \.name).map {
                .init(hint: "Perhaps you meant to reference the column \"\(name).\($0.name)\".", anyOf: $0.scopes)
            }
            throw error
        }
        return ReadPlan.Value(base: base, path: field.path)
    }
}
