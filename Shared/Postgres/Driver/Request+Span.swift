internal import Telemetry

extension Request {
    /// Ends the span of this request: what was asked, as the shape of its statements. Parameters and settings are not part of it.
    func end(_ span: Span, _ error: (any Error)? = nil) {
        var attributes: [(name: StaticString, value: Span.Value)] = [("db.system.name", .text("postgresql"))]
        if !first.statement.text.isEmpty {
            let texts = [first.statement.text] + rest.map(\.statement.text)
            attributes.append(("db.query.text", .text(texts.map { StatementShape.of($0) }.joined(separator: "; "))))
            if texts.count > 1 { attributes.append(("db.operation.batch.size", .integer(texts.count))) }
        }
        if let service { attributes.append(("sallyport.db.service_us", .integer(Int(service / 1000)))) }
        var failure: String?
        switch error {
        case nil: break
        case PostgresError.server(let report)?:
            attributes.append(("db.response.status_code", .text(report.sqlState.description)))
            failure = report.sqlState.description
        case is CancellationError: failure = "cancelled"
        default: failure = "no answer"
        }
        span.end("postgresql \(operation)", failure: failure, attributes)
    }

    /// The statement's first word, or what is waited for where there is no statement.
    private var operation: String {
        if case .lease = kind { return "connection" }
        let letters = first.statement.text.utf8.drop { $0 <= 0x20 }.prefix { (0x41...0x5a).contains($0 & 0xdf) }
        return letters.isEmpty || letters.count > 16 ? "statement" : String(decoding: letters, as: UTF8.self).uppercased()
    }
}
