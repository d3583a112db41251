/// Puts the catalog together from what the database told. Pure.
///
/// Columns named `tenant_id`, and columns of views that are such a column under another name, end here.
struct CatalogBuilder {
    let rows: CatalogRows
    private let relations: [Int64: CatalogRows.Relation]
    private let constraints: [Int64: [CatalogRows.ConstraintRow]]
    let origins: ViewOrigins
    /// By table and name: the arguments.
    let triggers: [Int64: [String: [String]]]

    private static let tenantColumn = "tenant_id"

    init(_ rows: CatalogRows) {
        self.rows = rows
        relations = Dictionary(rows.relations.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        constraints = Dictionary(grouping: rows.constraints, by: \.relation)
        triggers = Dictionary(grouping: rows.triggers, by: \.relation).mapValues { triggers in
            Dictionary(triggers.map { ($0.name, $0.arguments) }, uniquingKeysWith: { first, _ in first })
        }
        var primaryKeys: [Int64: [Int]] = [:]
        for constraint in rows.constraints where constraint.kind == "p" {
            primaryKeys[constraint.relation] = constraint.columns.filter { number in
                rows.columns[constraint.relation]?.first { $0.number == number }?.name != Self.tenantColumn
            }
        }
        origins = ViewOrigins(views: rows.views, primaryKeys: primaryKeys)
    }

    func catalog(schemas: [String]) -> Catalog {
        var tables: [Table] = []
        var served: [Int64: Table] = [:]
        var refusals: [Catalog.Refusal] = []
        for relation in rows.relations where relation.isExposed {
            guard relation.problems.isEmpty else {
                refusals += relation.problems.map {
                    Catalog.Refusal(table: "\(relation.schema).\(relation.name)", problem: $0.problem, cure: $0.cure)
                }
                continue
            }
            let table = table(relation)
            tables.append(table)
            served[relation.id] = table
        }
        let functions = functions(served)
        for row in rows.functions where !row.problems.isEmpty {
            let types = row.parameterTypes.map(\.name).joined(separator: ", ")
            refusals += row.problems.map {
                Catalog.Refusal(table: "\(row.schema).\(row.name)(\(types))", problem: $0.problem, cure: $0.cure)
            }
        }
        var relationships = RelationshipBuilder(self, served: served, constraints: rows.constraints).relationships()
        relationships += computedRelationships(functions, served)
        return Catalog(
            schemas: schemas, tables: tables, relationships: relationships, functions: functions.map(\.function),
            computedColumns: computedColumns(functions, served), timeZones: rows.timeZones, refusals: refusals)
    }

    // MARK: - Tables and views

    /// The visible columns by their numbers.
    func visibleColumns(of relation: Int64) -> [CatalogRows.ColumnRow] {
        (rows.columns[relation] ?? []).filter { column in
            guard column.name != Self.tenantColumn else { return false }
            let origin = origins.origin(of: column.number, in: relation)
            return origin.relation == relation || self.column(origin.column, of: origin.relation)?.name != Self.tenantColumn
        }
    }

    func column(_ number: Int, of relation: Int64) -> CatalogRows.ColumnRow? {
        rows.columns[relation]?.first { $0.number == number }
    }

    private func table(_ relation: CatalogRows.Relation) -> Table {
        let visible = visibleColumns(of: relation.id)
        let isSimple = rows.views[relation.id]?.isSimple ?? false
        let columns = visible.map { column in
            let origin = origins.origin(of: column.number, in: relation.id)
            let base = origin.relation == relation.id || !isSimple ? nil : self.column(origin.column, of: origin.relation)
            var made = makeColumn(column, base: base)
            made.casts = rows.casts[column.type.id] ?? []
            return made
        }
        let names = Dictionary(visible.map { ($0.number, $0.name) }, uniquingKeysWith: { first, _ in first })
        let kind: Table.Kind =
            switch relation.kind {
            case "v": .view
            case "m": .materializedView
            default: .table
            }
        return Table(
            schema: relation.schema, name: relation.name, kind: kind, isShared: relation.isShared,
            privileges: Set(relation.privileges.compactMap(Table.Privilege.init(rawValue:))), columns: columns,
            primaryKey: origins.primaryKey(of: relation.id).compactMap { names[$0] },
            constraints: namedConstraints(of: relation.id, columns: names), comment: relation.comment,
            features: features(of: relation.id, columns: Set(visible.map(\.name))), foreignCode: rows.foreignCode[relation.id] ?? .never)
    }

    /// - Parameter base: of a view that shows one relation's rows, the column behind: what holds for it holds here.
    private func makeColumn(_ row: CatalogRows.ColumnRow, base: CatalogRows.ColumnRow?) -> Column {
        let expression = row.defaultExpression ?? base?.defaultExpression
        return Column(
            name: row.name, type: row.type.name, isNullable: base?.isNullable ?? row.isNullable,
            hasDefault: row.hasDefault || base?.hasDefault ?? false, isGenerated: row.isGenerated || base?.isGenerated ?? false,
            comment: row.comment ?? base?.comment, defaultExpression: expression, enumLabels: rows.types.labels(of: row.type),
            kind: rows.types.kind(of: row.type))
    }

    /// A relation's own constraints, and of a view those of the table it shows, in the view's words.
    private func namedConstraints(of relation: Int64, columns: [Int: String]) -> [String: Constraint] {
        var source = relation
        var names = columns
        while let view = rows.views[source], view.isSimple, let behind = view.sources.first?.relation {
            names = view.outputs.reduce(into: [:]) { found, output in
                if !output.isJunk, output.table == behind { found[output.column] = names[output.number] }
            }
            source = behind
        }
        var named: [String: Constraint] = [:]
        for constraint in constraints[source] ?? [] {
            let kind: Constraint.Kind? =
                switch constraint.kind {
                case "p", "u", "x": .unique
                case "f": .foreignKey(to: constraint.otherName ?? "")
                case "c": .check
                default: nil
                }
            if let kind { named[constraint.name] = Constraint(kind: kind, columns: constraint.columns.compactMap { names[$0] }) }
        }
        return named
    }

    // MARK: - Functions

    struct BuiltFunction {
        let function: Function
        let row: CatalogRows.FunctionRow
    }

    private func functions(_ served: [Int64: Table]) -> [BuiltFunction] {
        rows.functions.filter(\.problems.isEmpty).map { row in
            BuiltFunction(function: function(row, served), row: row)
        }
    }

    private func function(_ row: CatalogRows.FunctionRow, _ served: [Int64: Table]) -> Function {
        var inputs: [(name: String, type: CatalogType, isVariadic: Bool)] = []
        var outputs: [Column] = []
        for (index, type) in row.parameterTypes.enumerated() {
            let mode = row.parameterModes.isEmpty ? "i" : row.parameterModes[index]
            let name = index < row.parameterNames.count ? row.parameterNames[index] : ""
            if mode == "i" || mode == "b" || mode == "v" { inputs.append((name, type, mode == "v")) }
            if mode == "o" || mode == "b" || mode == "t" {
                outputs.append(
                    Column(
                        name: name.isEmpty ? "column\(outputs.count + 1)" : name, type: type.name, isNullable: true, hasDefault: false,
                        isGenerated: false, comment: nil, enumLabels: rows.types.labels(of: type), kind: rows.types.kind(of: type)))
            }
        }
        let firstDefault = inputs.count - row.defaults
        let parameters = inputs.enumerated().map { index, input in
            Function.Parameter(
                name: input.name, type: input.type.name, hasDefault: index >= firstDefault, isVariadic: input.isVariadic)
        }
        let volatility: Function.Volatility =
            switch row.volatility {
            case "i": .immutable
            case "s": .stable
            default: .volatile
            }
        return Function(
            schema: row.schema, name: row.name, parameters: parameters, result: result(of: row, outputs: outputs, served),
            returnsSet: row.returnsSet, volatility: volatility, isDefiner: row.isDefiner, comment: row.comment)
    }

    private func result(of row: CatalogRows.FunctionRow, outputs: [Column], _ served: [Int64: Table]) -> Function.Result {
        if !outputs.isEmpty { return .columns(outputs) }
        if row.resultRelation != 0 {
            if let table = served[row.resultRelation] { return .relation(table.id) }
            return .columns(visibleColumns(of: row.resultRelation).map { makeColumn($0, base: nil) })
        }
        return row.result.name == "void" ? .void : .scalar(type: row.result.name)
    }

    private func computedColumns(_ functions: [BuiltFunction], _ served: [Int64: Table]) -> [RelationID: [Function]] {
        var computed: [RelationID: [Function]] = [:]
        for built in functions {
            guard let table = rowArgument(of: built, served), !built.function.returnsSet, case .scalar = built.function.result else {
                continue
            }
            computed[table.id, default: []].append(built.function)
        }
        return computed
    }

    private func computedRelationships(_ functions: [BuiltFunction], _ served: [Int64: Table]) -> [Relationship] {
        functions.compactMap { built in
            guard let table = rowArgument(of: built, served), built.function.returnsSet, case .relation(let target) = built.function.result
            else { return nil }
            return Relationship(
                source: table.id, target: target, cardinality: .computed(built.function, isToOne: built.row.rows == 1))
        }
    }

    /// The table whose row is the function's one argument.
    private func rowArgument(of built: BuiltFunction, _ served: [Int64: Table]) -> Table? {
        built.function.parameters.count == 1 && !built.function.parameters[0].isVariadic ? served[built.row.firstRelation] : nil
    }
}
