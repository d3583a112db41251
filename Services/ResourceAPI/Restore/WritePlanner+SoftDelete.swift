extension WritePlanner {
    /// What a DELETE or a restoration does: where rows are deleted softly, DELETE marks the living ones and, where it asks for those that
    /// are marked, removes them for good.
    ///
    /// - Throws: 400 `0A000` for a restoration where nothing is deleted softly.
    func deletion(_ rows: ReadPlan, isRestoration: Bool) throws(APIError) -> WritePlan.Command {
        switch (rows.deletion, isRestoration) {
        case (.none, false): return .delete(rows)
        case (.none, true):
            throw APIError(
                400, "0A000", "Rows of \(table.name) are not deleted softly",
                hint: "SELECT sallyport.enable_soft_delete('\(table.schema).\(table.name)')")
        case (.hidden, false): return .mark(rows, isDeleted: true)
        case (.asked(let column), false): return .delete(marked(rows, column))
        case (.hidden(let column), true), (.asked(let column), true): return .mark(marked(rows, column), isDeleted: false)
        }
    }

    /// Those of the rows that are marked, whatever else the request asks.
    private func marked(_ rows: ReadPlan, _ column: String) -> ReadPlan {
        var rows = rows
        rows.deletion = .asked(column)
        rows.conditions.append(.deleted(column, isNegated: false, .isKeyword(.isTrue)))
        return rows
    }

    /// - Throws: 400 `428C9` for a column that only DELETE and restoration change.
    func requireUnmarked(_ column: Column) throws(APIError) {
        guard let mark = table.features.softDeleteColumn, column.name == mark || column.name == "deleted_by" else { return }
        throw APIError(
            400, "428C9", "column \"\(column.name)\" takes no value",
            hint: "Rows are marked by DELETE, and come back by POST \(table.name)/restore")
    }
}

extension WritePlan {
    /// Whether rows that are marked as deleted are removed for good.
    var isPurge: Bool {
        if case .delete(let rows) = command, case .asked = rows.deletion { true } else { false }
    }
}
