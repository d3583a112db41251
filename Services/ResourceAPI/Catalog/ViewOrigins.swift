/// Where the columns of views come from, through any number of views. Attribute numbers throughout.
struct ViewOrigins: Sendable {
    struct Origin: Sendable, Hashable {
        let relation: Int64
        let column: Int
    }

    /// Views read only what was there before them, so chains end; this is for what cannot be.
    private static let maximumDepth = 64

    private let views: [Int64: ViewDefinition]
    private let outputs: [Int64: [Int: ViewDefinition.Output]]
    private let primaryKeys: [Int64: [Int]]

    init(views: [Int64: ViewDefinition], primaryKeys: [Int64: [Int]]) {
        self.views = views
        self.primaryKeys = primaryKeys
        outputs = views.mapValues { view in
            Dictionary(view.outputs.filter { !$0.isJunk }.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// The table's column that a view's column plainly is; the column itself if it is none, or of a table.
    func origin(of column: Int, in relation: Int64) -> Origin {
        var origin = Origin(relation: relation, column: column)
        for _ in 0..<Self.maximumDepth {
            guard let output = outputs[origin.relation]?[origin.column], output.table != 0 else { break }
            origin = Origin(relation: output.table, column: output.column)
        }
        return origin
    }

    /// Columns that tell a relation's rows apart within a tenant; empty if none are known to.
    func primaryKey(of relation: Int64) -> [Int] {
        primaryKey(of: relation, depth: 0)
    }

    private func primaryKey(of relation: Int64, depth: Int) -> [Int] {
        guard let view = views[relation] else { return primaryKeys[relation] ?? [] }
        guard depth < Self.maximumDepth, !view.hasSetOperation, !view.multipliesRows, !view.sources.isEmpty,
            view.sources.allSatisfy(\.isRelation), Set(view.sources.map(\.relation)).count == view.sources.count
        else { return [] }
        let keys = view.sources.map { source in
            (source: source.relation, columns: primaryKey(of: source.relation, depth: depth + 1))
        }
        if view.groups.isEmpty {
            // Without the keys of all that is joined a row may come twice.
            guard !view.hasAggregates else { return [] }
            var all: [Int] = []
            for key in keys {
                guard let shown = shown(key.columns, of: key.source, in: view) else { return [] }
                all += shown
            }
            return all
        }
        // Groups by one relation's key, and by more of the same relation only.
        let grouped = view.outputs.filter { $0.group != 0 && view.groups.contains($0.group) }
        for key in keys where grouped.allSatisfy({ $0.table == key.source }) && grouped.count == view.groups.count {
            let columns = Set(grouped.map(\.column))
            if let shown = shown(key.columns, of: key.source, in: view), columns.isSuperset(of: key.columns) { return shown }
        }
        return []
    }

    /// The view's columns that are the key's; nil unless all are there, or there is no key.
    private func shown(_ columns: [Int], of relation: Int64, in view: ViewDefinition) -> [Int]? {
        guard !columns.isEmpty else { return nil }
        var shown: [Int] = []
        for column in columns {
            guard let output = view.outputs.first(where: { !$0.isJunk && $0.table == relation && $0.column == column }) else { return nil }
            shown.append(output.number)
        }
        return shown
    }
}
