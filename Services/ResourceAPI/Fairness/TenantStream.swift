import Postgres

/// Rows on their way to one tenant, and the tenant's place among those that stream, which ends with it.
final class TenantStream: Sendable {
    private let stream: PostgresStream
    private let place: TenantTurns.Place

    fileprivate init(_ stream: PostgresStream, _ place: TenantTurns.Place) {
        self.stream = stream
        self.place = place
    }

    /// The next chunk; nil at the end.
    func next() async throws -> [UInt8]? { try await stream.next() }
}

extension TenantDatabase {
    /// Streams the rows of a statement over a connection of its own, when it is the tenant's turn.
    ///
    /// - Parameter timeout: of the whole stream.
    /// - Throws: `PostgresError`; `APIError` as ``TenantSession`` does.
    func stream(_ sql: SQL, settings: TransactionSettings, timeout: Duration, as format: ExportFormat) async throws -> TenantStream {
        try await checkCost(sql, settings)
        let place = try await streamPlace(of: settings.tenant)
        let stream =
            switch format {
            case .csv: try postgres.stream(sql, settings: settings, timeout: timeout, encoder: CSVEncoder())
            case .jsonLines: try postgres.stream(sql, settings: settings, timeout: timeout, encoder: LineEncoder())
            }
        return TenantStream(stream, place)
    }
}
