import JSON
import Postgres

/// Whole statements: the rows aggregated to a finished body.
extension StatementBuilder {
    /// `SELECT` of one row: the body, or null where it is larger than an answer may be; the number of rows; with `counts` the number
    /// without limit and offset; with a cursor the last row's, null where there is no row; a row's tag, if asked for; then `extra`.
    ///
    /// Stands directly over the rows, no CTE, so that the planner sees through. Behind a write, `WITH sallyport_source AS (…)` goes
    /// before it.
    ///
    /// - Parameters:
    ///   - format: `.object` gives the first row alone, null for none: it is the count that says whether there was exactly one.
    ///   - extra: expressions that do not depend on the rows.
    mutating func answer(_ plan: ReadPlan, format: AnswerFormat, _ counts: RowCounting? = nil, extra: [String] = []) -> String {
        let hasMore = plan.cursor != nil || plan.taggedColumns != nil
        var rows = "(\(measured(rows(plan), of: plan))) AS \(hasMore ? "sallyport_page" : "sallyport_row")"
        var columns = "\(body(plan, format)) AS body, count(*) AS count"
        var list = "CASE WHEN octet_length(body::pg_catalog.text) <= \(ResourceResponse.maximumBytes) THEN body END, count"
        if let counts { list += ", \(total(plan, counts))" }
        if hasMore {
            let names = plan.output.map { "sallyport_page.\(quoted($0.name))" }.joined(separator: ", ")
            rows += " CROSS JOIN LATERAL (SELECT \(names)) AS sallyport_row"
        }
        if plan.cursor != nil {
            columns += ", (array_agg(sallyport_page.\(ReadPlan.cursorColumn)))[count(*)::pg_catalog.int4] AS cursor"
            list += ", cursor"
        }
        if plan.taggedColumns != nil {
            columns += ", min(sallyport_page.\(ReadPlan.tagColumn)) AS tag"
            list += ", tag"
        }
        for item in extra { list += ", \(item)" }
        return "SELECT \(list) FROM (SELECT \(columns) FROM \(rows)) AS sallyport_answer"
    }

    /// `SELECT` of one row: the number of rows; with `counts` the number without limit and offset; then `extra`. For HEAD.
    mutating func count(_ plan: ReadPlan, _ counts: RowCounting? = nil, extra: [String] = []) -> String {
        let list = (["count"] + (counts.map { [total(plan, $0)] } ?? []) + extra).joined(separator: ", ")
        let rows = bareRows(plan)
        return "SELECT \(list) FROM (SELECT count(*) AS count FROM (\(rows)) AS sallyport_row) AS sallyport_answer"
    }

    /// The number of rows without limit and offset, beside the page's own `count`: a page that is not full tells it.
    private mutating func total(_ plan: ReadPlan, _ counts: RowCounting) -> String {
        guard let limit = limit(plan) else {
            return plan.offset == nil && plan.cursor?.values == nil ? "count" : all(plan, counts)
        }
        guard plan.cursor?.values == nil else { return all(plan, counts) }
        guard let offset = plan.offset else { return "CASE WHEN count < \(limit) THEN count ELSE \(all(plan, counts)) END" }
        let skipped = parameter(.value(offset), .int8)
        return "CASE WHEN count > 0 AND count < \(limit) THEN count + \(skipped) ELSE \(all(plan, counts)) END"
    }

    private mutating func all(_ plan: ReadPlan, _ counts: RowCounting) -> String {
        let bound = counts.upTo.map { " LIMIT \($0 + 1)" } ?? ""
        return "(SELECT count(*) FROM (\(countable(plan))\(bound)) AS sallyport_counted)"
    }

    private func body(_ plan: ReadPlan, _ format: AnswerFormat) -> String {
        let value = plan.isScalar ? "sallyport_row.\(ReadPlan.scalarColumn)" : "sallyport_row.*"
        switch format {
        case .json(stripsNulls: false), .text, .binary:
            return "coalesce(json_agg(\(value)), '[]')"
        case .json(stripsNulls: true):
            return "coalesce(json_agg(json_strip_nulls(\(json(value, plan)))), '[]')"
        case .object(stripsNulls: false):
            return "(array_agg(\(json(value, plan))))[1]"
        case .object(stripsNulls: true):
            return "json_strip_nulls((array_agg(\(json(value, plan))))[1])"
        case .csv:
            return csv(plan)
        }
    }

    private func json(_ value: String, _ plan: ReadPlan) -> String {
        "\(plan.isScalar ? "to_json" : "row_to_json")(\(value))"
    }

    /// RFC 4180, with values and lines as PostgreSQL's `COPY` writes them: null is nothing, an empty text is quoted, true is `t`.
    private func csv(_ plan: ReadPlan) -> String {
        guard !plan.output.isEmpty else { return "''" }
        let header = plan.output.map { Self.csvField($0.name) }.joined(separator: ",")
        let fields = plan.output.map { output in
            let value = member(output, of: plan)
            let text = "concat(\(value))"
            let quoted = "'\"' || replace(\(text), '\"', '\"\"') || '\"'"
            return "CASE WHEN \(value) IS NULL THEN '' WHEN \(text) ~ '[\",\\r\\n]|^$' THEN \(quoted) ELSE \(text) END"
        }
        let line = fields.joined(separator: " || ',' || ")
        return "\(literal(header)) || coalesce(string_agg(chr(10) || \(line), ''), '')"
    }

    /// A member of `sallyport_row` for a file of texts.
    func member(_ output: ReadPlan.Output, of plan: ReadPlan) -> String {
        let value = "sallyport_row.\(quoted(output.name))"
        return plan.outputCast(output) == nil ? value : text(json: value)
    }

    private static func csvField(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") && $0 != 10 && $0 != 13 }
        if isPlain { return name }
        return "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
