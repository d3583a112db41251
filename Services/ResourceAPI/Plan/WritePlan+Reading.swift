import JSON

/// What a write tells of rows without giving them back: each answer of "was there such a row" is a bit, and a few dozen are a value.
extension WritePlan {
    /// Whether more shows than whether rows under keys that the request names are there, which an INSERT of the same keys shows as well.
    var tellsOfRows: Bool {
        switch rowCondition {
        case .none, .absent: break
        case .exists, .matches: return true
        }
        if maximumAffected != nil { return true }
        switch command {
        // The key of a row that was found by another key.
        case .insert(_, let conflict?): if case .key = answer { return !isPrimaryKey(conflict.target) } else { return false }
        case .insert, .put: return false
        case .update(_, let rows): return !rows.isChosenByKey
        case .delete(let rows), .mark(let rows, _): return !rows.isChosenByKey && !rows.conditions.allSatisfy(\.isOnDeletion)
        }
    }

    /// Which rows a PATCH, DELETE or restoration means.
    var chosenRows: ReadPlan? {
        switch command {
        case .insert, .put: nil
        case .update(_, let rows), .delete(let rows), .mark(let rows, _): rows
        }
    }

    private func isPrimaryKey(_ columns: [Column]) -> Bool {
        columns.count == table.primaryKey.count
            && columns.allSatisfy { column in table.primaryKey.contains { $0.isIdenticalBytes(column.name) } }
    }
}

extension ReadPlan {
    /// Whether rows are named by their whole primary key, one or a list of them, and by nothing else but whether they are deleted softly.
    fileprivate var isChosenByKey: Bool {
        guard let relation, !relation.primaryKey.isEmpty, embeds.isEmpty else { return false }
        let filters = conditions.filter { !$0.isOnDeletion }
        let columns = filters.compactMap(\.equalColumn)
        return columns.count == filters.count
            && columns.allSatisfy { column in relation.primaryKey.contains { $0.isIdenticalBytes(column.name) } }
            && relation.primaryKey.allSatisfy { name in columns.contains { $0.name.isIdenticalBytes(name) } }
    }
}

extension ReadPlan.Condition {
    /// The column that is held to be a value, or one of several.
    fileprivate var equalColumn: Column? {
        guard case .filter(let value, isNegated: false, let operation) = self, value.path.isEmpty, case .column(let column) = value.base
        else { return nil }
        switch operation {
        case .compare(.equal, _), .isIn, .quantified(.equal, .any, _): return column
        default: return nil
        }
    }

    fileprivate var isOnDeletion: Bool {
        if case .deleted = self { true } else { false }
    }
}
