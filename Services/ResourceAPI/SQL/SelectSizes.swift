import JSON

/// Rows within rows multiply: their size is watched while they are gathered, so that no answer is made that would be refused for its size.
extension StatementBuilder {
    /// The rows of a plan, refused (400 `54000`) as soon as they are larger than an answer may be. Only where each row holds lists of others:
    /// rows by themselves are bounded by their number.
    ///
    /// - Parameters:
    ///   - rows: the plan's rows as ``rows(_:)`` or ``related(_:of:)`` gives them.
    ///   - isEach: whether each row may be as large, as none is kept.
    func measured(_ rows: String, of plan: ReadPlan, isEach: Bool = false) -> String {
        guard plan.multiplies, !plan.output.isEmpty else { return rows }
        var columns = plan.output.map { "sallyport_sized.\(quoted($0.name))" }
        if plan.cursor != nil { columns.append("sallyport_sized.\(ReadPlan.cursorColumn)") }
        if plan.taggedColumns != nil { columns.append("sallyport_sized.\(ReadPlan.tagColumn)") }
        let own = "pg_column_size(sallyport_unsized.*)"
        let size = isEach ? own : "sum(\(own)) OVER (ROWS UNBOUNDED PRECEDING)"
        let sized = "SELECT sallyport_unsized.*, \(size) AS sallyport_size FROM (\(rows)) AS sallyport_unsized"
        let error = ResourceResponse.tooLarge
        let refusal = "sallyport.refuse(\(literal(error.code)), \(literal(error.message)), NULL, \(literal(error.hint ?? "")))"
        let condition = "CASE WHEN sallyport_sized.sallyport_size <= \(ResourceResponse.maximumBytes) THEN true ELSE \(refusal) END"
        return "SELECT \(columns.joined(separator: ", ")) FROM (\(sized)) AS sallyport_sized WHERE \(condition)"
    }
}

extension ReadPlan {
    /// Whether its rows hold lists of other rows.
    var multiplies: Bool {
        embeds.contains { !$0.plan.output.isEmpty && (!$0.relationship.isToOne || $0.plan.multiplies) }
    }
}
