import JSON

@testable import ResourceAPI

/// Requests that follow the grammar, most of them; about what the catalog has, most of them.
struct RandomRequests {
    private let catalog: Catalog
    private let tables: [Table]
    private let functions: [Function]
    /// What texts hold: the tenant's own word first, then the other's.
    private let words: [String]
    /// Of tables, views and functions; the demo's others hold the time, and ids by chance.
    private let names: Set<String>
    private var generator: SeededGenerator

    init(catalog: Catalog, names: Set<String>, words: [String], seed: UInt64) {
        self.catalog = catalog
        self.words = words
        self.names = names
        tables = (catalog.tables["api"] ?? [:]).values.filter { names.contains($0.name) }.sorted { $0.name < $1.name }
        functions = (catalog.functions["api"] ?? [:]).values.flatMap(\.self).filter { names.contains($0.name) }.sorted { $0.name < $1.name }
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> ResourceRequest {
        var request = well()
        // Now and then a broken one: errors must not tell either.
        if generator.chance(4) {
            var query = Array(request.rawQuery)
            let position = generator.number(query.count + 1)
            if generator.chance(50), position < query.count {
                query.remove(at: position)
            } else {
                query.insert(
                    generator.pick(["(", ")", ".", "&", "=", ",", "'", "\"", "!", "%00", ";"].map(Character.init(first:))) ?? "(",
                    at: position)
            }
            request.rawQuery = Substring(String(query))
        }
        return request
    }

    private mutating func well() -> ResourceRequest {
        switch generator.number(100) {
        case ..<55: read()
        case ..<68: insert()
        case ..<80: update()
        case ..<86: delete()
        case ..<90: put()
        default: call()
        }
    }

    private mutating func table() -> Table { generator.pick(tables) ?? tables[0] }

    // MARK: - Reading

    private mutating func read() -> ResourceRequest {
        let table = table()
        var request = ResourceRequest(verb: generator.chance(8) ? .head : .read, name: table.name)
        request.rawQuery = Substring(parameters(select: select(table, depth: 0), filters(table), page(table)))
        if generator.chance(40) { request.prefer = ["count=exact"] }
        switch generator.number(20) {
        case 0: request.accept = ["text/csv"]
        case 1: request.accept = ["application/vnd.pgrst.object+json"]
        case 2: request.accept = ["application/json;nulls=stripped"]
        default: break
        }
        return request
    }

    private func parameters(_ parts: [String]...) -> String {
        parts.flatMap(\.self).joined(separator: "&")
    }

    private func parameters(select: (list: String, more: [String]), _ parts: [String]...) -> String {
        ((select.list.isEmpty ? [] : ["select=\(select.list)"]) + select.more + parts.flatMap(\.self)).joined(separator: "&")
    }

    /// The list, and the parameters of what is embedded.
    private mutating func select(_ table: Table, depth: Int) -> (list: String, more: [String]) {
        if depth == 0, generator.chance(10) { return ("", []) }
        var items: [String] = []
        var more: [String] = []
        if generator.chance(10) {
            items = ["count()", generator.chance(50) ? "n.sum()" : "n.max()"].filter { _ in table.column("n") != nil }
            if let column = generator.pick(table.columns), generator.chance(50) { items.append(column.name) }
            if !items.isEmpty { return (items.joined(separator: ","), more) }
        }
        if generator.chance(20) { items.append("*") } else { items += generator.some(of: table.columns).map { item($0) } }
        if let computed = generator.pick(catalog.computedColumns[table.id] ?? []), generator.chance(30) { items.append(computed.name) }
        let relationships = catalog.relationships[table.id] ?? []
        if depth < 3, generator.chance(depth == 0 ? 60 : 40), let relationship = generator.pick(relationships),
            let target = catalog.table(relationship.target), names.contains(target.name), isDetermined(relationship, target)
        {
            let name = relationName(relationship)
            let alias = "e\(depth)"
            let inner = select(target, depth: depth + 1)
            let spread = generator.chance(10) && relationship.isToOne
            let modifier = hint(relationship) + (generator.chance(25) ? "!inner" : "")
            items.append("\(spread ? "..." : "\(alias):")\(name)\(modifier)(\(inner.list.isEmpty ? "*" : inner.list))")
            more += inner.more.map { "\(spread ? name : alias).\($0)" }
            if !spread {
                if generator.chance(30) { more += filters(target).prefix(1).map { "\(alias).\($0)" } }
                if !relationship.isToOne { more += order(target).map { "\(alias).\($0)" } }
                if generator.chance(20), !relationship.isToOne { more.append("\(alias).limit=\(generator.number(4))") }
                if generator.chance(10) { more.append("\(alias)=\(generator.pick("is.null", "not.is.null"))") }
            }
        }
        return (items.joined(separator: ","), more)
    }

    /// Of several rows that a view shows where one is embedded, any is right.
    private func isDetermined(_ relationship: Relationship, _ target: Table) -> Bool {
        guard target.kind != .table, relationship.isToOne else { return true }
        switch relationship.cardinality {
        case .manyToOne(_, let pairs), .oneToOne(_, let pairs, _):
            return !target.primaryKey.isEmpty && Set(target.primaryKey).isSubset(of: pairs.map(\.foreign))
        default: return true
        }
    }

    private mutating func item(_ column: Column) -> String {
        switch generator.number(10) {
        case 0: "x:\(column.name)"
        case 1: "\(column.name)::text"
        case 2 where column.kind == .jsonb: "\(column.name)->>k"
        case 3 where column.kind == .jsonb: "\(column.name)->in->deep->0"
        default: column.name
        }
    }

    private func relationName(_ relationship: Relationship) -> String {
        if case .computed(let function, _) = relationship.cardinality { function.name } else { relationship.target.name.string }
    }

    private func hint(_ relationship: Relationship) -> String {
        switch relationship.cardinality {
        case .manyToOne(let name, _), .oneToMany(let name, _), .oneToOne(let name, _, _): "!\(name)"
        case .manyToMany(let junction): "!\(junction.table.name.string)"
        case .computed: ""
        }
    }

    /// A whole order wherever rows are left out, as another order would be as right.
    private func order(_ table: Table) -> [String] {
        let key = table.primaryKey.isEmpty ? table.columns.filter { $0.kind != .jsonb }.map(\.name) : table.primaryKey
        return ["order=\(key.joined(separator: ","))"]
    }

    private mutating func page(_ table: Table) -> [String] {
        guard generator.chance(50) else { return generator.chance(30) ? order(table) : [] }
        var parts = order(table)
        if let column = generator.pick(table.columns), column.kind != .jsonb, generator.chance(40), column.kind != .json {
            parts = ["order=\(column.name).\(generator.pick("asc", "desc.nullslast", "desc")),\(parts[0].dropFirst(6))"]
        }
        if generator.chance(70) { parts.append("limit=\(generator.number(8))") }
        if generator.chance(30) { parts.append("offset=\(generator.number(15))") }
        return parts
    }

    // MARK: - Conditions

    private mutating func filters(_ table: Table) -> [String] {
        (0..<generator.number(3)).compactMap { _ in
            if generator.chance(20) {
                let parts = (0..<2).compactMap { _ in generator.pick(table.columns).map { condition($0, separator: ".") } }
                return "\(generator.pick("or", "and", "not.or"))=(\(parts.joined(separator: ",")))"
            }
            return generator.pick(table.columns).map { condition($0, separator: "=") }
        }
    }

    private mutating func condition(_ column: Column, separator: String) -> String {
        let negation = generator.chance(15) ? "not." : ""
        let name = column.name + separator + negation
        if generator.chance(10) { return name + "is.null" }
        switch column.kind {
        case .jsonb:
            return generator.chance(50)
                ? "\(column.name)->>k\(separator)\(negation)eq.\(word())" : name + "cs.\(quoted("{\"k\":\"\(word())\"}", separator))"
        case .array: return name + generator.pick("cs", "ov") + ".\(quoted("{\(word())}", separator))"
        default: break
        }
        switch column.type {
        case "integer", "bigint", "numeric":
            if generator.chance(20) { return name + "in.(\(number()),\(number()),\(number()))" }
            return name + generator.pick("eq", "neq", "gt", "lte", "isdistinct") + ".\(number())"
        case "boolean": return name + "is." + generator.pick("true", "false", "unknown")
        case "date": return name + generator.pick("gte", "lt") + ".2026-01-0\(1 + generator.number(3))"
        default:
            switch generator.number(7) {
            case 0: return name + "like.\(word())*"
            case 1: return name + "ilike.*\(word().uppercased())*"
            case 2: return name + "in.(\"\(text())\",\"\(text())\")"
            case 3: return name + "match.\(word())"
            case 4: return name + "fts.\(word())"
            case 5: return name + "eq(any).{\"\(text())\",\"\(text())\"}"
            default: return name + generator.pick("eq", "neq", "gt", "lt") + ".\(text())"
            }
        }
    }

    private func quoted(_ value: String, _ separator: String) -> String {
        separator == "=" ? value : "\"\(value.replacing("\"", with: "\\\""))\""
    }

    private mutating func word() -> String { generator.chance(70) ? words[0] : words[1] }

    private mutating func text() -> String {
        switch generator.number(4) {
        case 0: "key\(1 + generator.number(14))"
        case 1: "k\(1 + generator.number(4))"
        default: "\(word())%20\(1 + generator.number(14))"
        }
    }

    /// What the tenant may store without being taken for the other.
    private mutating func ownText() -> String {
        generator.chance(40) ? "key\(1 + generator.number(14))" : generator.chance(20) ? "k2" : "\(words[0]) \(1 + generator.number(14))"
    }

    private mutating func number() -> Int { generator.chance(80) ? generator.number(30) : 7770 + generator.number(20) }

    // MARK: - Writing

    private mutating func writable() -> Table {
        generator.pick(tables.filter { $0.privileges.contains(.insert) && $0.kind == .table }) ?? tables[0]
    }

    private mutating func prefer() -> [String] {
        var parts: [String] = []
        switch generator.number(3) {
        case 0: parts.append("return=representation")
        case 1: parts.append("return=headers-only")
        default: break
        }
        if generator.chance(20) { parts.append("count=exact") }
        if generator.chance(10) { parts += ["handling=strict", "max-affected=\(generator.number(6))"] }
        if generator.chance(10) { parts.append("tx=rollback") }
        return parts.isEmpty ? [] : [parts.joined(separator: ", ")]
    }

    private mutating func value(_ column: Column) -> String {
        if generator.chance(8) { return "null" }
        switch column.kind {
        case .jsonb: return "{\"k\": \"\(words[0])\", \"v\": \(number())}"
        case .array: return "[\"\(words[0])\"]"
        default: break
        }
        switch column.type {
        case "integer", "bigint": return "\(number())"
        case "boolean": return generator.pick("true", "false")
        case "date": return "\"2026-02-0\(1 + generator.number(5))\""
        default: return "\"\(ownText())\""
        }
    }

    private mutating func object(_ table: Table, with columns: [Column]) -> String {
        "{" + columns.map { "\"\($0.name)\": \(value($0))" }.joined(separator: ", ") + "}"
    }

    private mutating func bodyColumns(_ table: Table) -> [Column] {
        let free = table.columns.filter { !$0.isGenerated }
        return generator.some(of: free).filter { !table.primaryKey.contains($0.name) } + free.filter { table.primaryKey.contains($0.name) }
    }

    private mutating func insert() -> ResourceRequest {
        let table = writable()
        var request = ResourceRequest(verb: .insert, name: table.name)
        let columns = bodyColumns(table)
        let rows = (0..<(1 + generator.number(3))).map { _ in object(table, with: columns) }
        request.body = Array((rows.count == 1 && generator.chance(50) ? rows[0] : "[\(rows.joined(separator: ", "))]").utf8)
        var parts: [String] = []
        request.prefer = prefer()
        if generator.chance(60) {
            request.prefer.append(generator.pick("resolution=merge-duplicates", "resolution=ignore-duplicates"))
            if generator.chance(20) { parts.append("on_conflict=\(table.primaryKey.joined(separator: ","))") }
            if table.column("code") != nil, generator.chance(20) { parts.append("on_conflict=code") }
        }
        if generator.chance(15) { request.prefer.append("missing=default") }
        if generator.chance(15) { parts.append("columns=\(columns.map(\.name).joined(separator: ","))") }
        if generator.chance(10) {
            request.contentType = "text/csv"
            let lines = (0..<2).map { _ in columns.map { _ in generator.chance(50) ? "\(number())" : ownText() }.joined(separator: ",") }
            request.body = Array(([columns.map(\.name).joined(separator: ",")] + lines).joined(separator: "\n").utf8)
        }
        request.rawQuery = Substring(parameters(select: select(table, depth: 1), parts))
        return request
    }

    private mutating func update() -> ResourceRequest {
        let table = writable()
        var request = ResourceRequest(verb: .update, name: table.name)
        let keyless = table.columns.filter { !$0.isGenerated && (!table.primaryKey.contains($0.name) || generator.chance(10)) }
        request.body = Array(object(table, with: generator.some(of: keyless, percent: 30)).utf8)
        request.prefer = prefer()
        request.rawQuery = Substring(parameters(select: select(table, depth: 1), filters(table)))
        return request
    }

    private mutating func delete() -> ResourceRequest {
        let table = writable()
        var request = ResourceRequest(verb: .delete, name: table.name)
        request.prefer = prefer()
        // Few at a time, so that something is left to be read.
        let key = table.primaryKey.first.flatMap(table.column)
        let one = key.map { $0.type == "integer" ? "\($0.name)=eq.\(number())" : "\($0.name)=eq.key\(1 + generator.number(14))" }
        request.rawQuery = Substring(parameters(select: select(table, depth: 1), [one].compactMap(\.self), filters(table)))
        return request
    }

    private mutating func put() -> ResourceRequest {
        let table = writable()
        var request = ResourceRequest(verb: .put, name: table.name)
        guard table.primaryKey == ["id"] else { return update() }
        let key = table.column("id")?.type == "integer" ? "\(1 + generator.number(20))" : "key\(1 + generator.number(20))"
        let rest = table.columns.filter { !$0.isGenerated && $0.name != "id" }
        var body = object(table, with: rest)
        body = "{\"id\": \"\(key)\", " + body.dropFirst()
        request.body = Array(body.utf8)
        request.prefer = prefer()
        request.rawQuery = Substring(parameters(["id=eq.\(key)"]))
        return request
    }

    // MARK: - Calling

    private mutating func call() -> ResourceRequest {
        guard let function = generator.pick(functions) else { return read() }
        let isReading = function.volatility != .volatile && generator.chance(60)
        var request = ResourceRequest(verb: isReading ? .callReading : .call, name: function.name)
        let arguments = function.parameters.filter { !$0.hasDefault || generator.chance(50) }.map { parameter in
            (
                parameter.name,
                parameter.type == "integer"
                    ? "\(number())" : generator.chance(30) ? "\(words[0])%25" : "\(words[0])%20\(generator.number(14))"
            )
        }
        var parts: [String] = []
        if isReading {
            parts += arguments.map { "\($0)=\($1)" }
        } else {
            request.body = Array(("{" + arguments.map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ") + "}").utf8)
        }
        if case .relation(let id) = function.result, function.returnsSet, let table = catalog.table(id) {
            request.rawQuery = Substring(parameters(select: select(table, depth: 1), parts, filters(table), page(table)))
            if generator.chance(30) { request.prefer = ["count=exact"] }
        } else {
            request.rawQuery = Substring(parameters(parts))
        }
        return request
    }
}

extension Character {
    fileprivate init(first text: String) { self = text.first ?? " " }
}

extension ResourceRequest: CustomStringConvertible {
    public var description: String {
        "\(verb) \(schema ?? "") \(name)?\(rawQuery) prefer=\(prefer) accept=\(accept) range=\(range ?? "") \(contentType ?? "") \(body.map { String(decoding: $0, as: UTF8.self) } ?? "")"
    }

    /// Whether it names what the other tenant has.
    var isProbing: Bool {
        description.lowercased().contains(RandomSchema.mark)
    }
}
