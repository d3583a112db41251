import Postgres

/// What an export is written as.
enum ExportFormat: Sendable, Hashable {
    case csv
    /// Newline-delimited JSON: an object on each line.
    case jsonLines

    var contentType: String {
        switch self {
        case .csv: "text/csv; charset=utf-8"
        case .jsonLines: "application/x-ndjson; charset=utf-8"
        }
    }

    /// Of the file that a browser saves.
    var fileExtension: String {
        switch self {
        case .csv: "csv"
        case .jsonLines: "ndjson"
        }
    }

    /// The first that is accepted; CSV where all is, or nothing is said.
    ///
    /// - Parameter headers: the values of every `Accept` field.
    /// - Throws: 406 `PGRST107`.
    static func negotiated(_ headers: [String]) throws(APIError) -> ExportFormat {
        let types = headers.flatMap { $0.split(separator: ",") }.map { $0.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() }
        for type in types {
            switch type {
            case "text/csv", "text/*", "*/*": return .csv
            case "application/x-ndjson", "application/jsonl", "application/*": return .jsonLines
            default: continue
            }
        }
        guard types.isEmpty else {
            throw APIError(
                406, "PGRST107", "None of these media types are available: \(APIError.excerpt(types.joined(separator: ", ")))",
                hint: "An export is text/csv or application/x-ndjson.")
        }
        return .csv
    }
}

/// A read of a table without the bound on its rows.
struct Export: Sendable {
    let operation: Operation
    let table: Table
    let sql: SQL
}

extension ResourceEngine {
    /// - Parameter request: a read; its `select`, filters, `order`, `limit` and `offset` count.
    ///
    /// Related rows are bounded for each row, by the bound on a read's rows, and a row with related rows by the size of an answer: what is
    /// beyond is refused by the statement (400 `54000`).
    ///
    /// - Throws: as a read does; 400 `PGRST100` for `after`.
    func export(_ request: ResourceRequest, as format: ExportFormat) throws(APIError) -> Export {
        let table = try table(named: request.name, schema: request.schema)
        let query = try Query(try QueryString(request.rawQuery), range: nil, for: .read)
        guard query.shape.after == nil else { throw .unsupported("after", String(request.rawQuery)) }
        var planner = ReadPlanner(catalog: catalog, maximumRows: request.maximumRows, allowsAggregates: allowsAggregates)
        planner.maximumRelatedRows = [maximumRows, request.maximumRows].compactMap(\.self).min()
        let plan: ReadPlan
        do throws(APIError) {
            plan = try planner.plan(query.shape.root, of: .table(table))
        } catch {
            throw error.inside(RequiredScope(action: "read", resource: table.name))
        }
        var builder = StatementBuilder()
        let rows = builder.rows(plan)
        var text = builder.measured(rows, of: plan, isEach: true)
        switch format {
        case .jsonLines:
            text = "SELECT row_to_json(sallyport_row) FROM (\(text)) AS sallyport_row"
        case .csv where plan.output.contains(where: { plan.outputCast($0) != nil }):
            let members = plan.output.map { "\(builder.member($0, of: plan)) AS \(builder.quoted($0.name))" }
            text = "SELECT \(members.joined(separator: ", ")) FROM (\(text)) AS sallyport_row"
        case .csv:
            break
        }
        let statement = ResourceStatement(text, builder, .affected)
        let operation = Operation(
            verb: .read, subject: .table(table), format: .csv, requiredScopes: plan.requiredScopes, statement: statement, catalog: catalog,
            runsForeignCode: plan.runsForeignCode)
        return Export(operation: operation, table: table, sql: statement.bind(query, nil))
    }
}
