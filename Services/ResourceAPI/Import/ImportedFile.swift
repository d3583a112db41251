import JSON
import OAuth
import Postgres

/// A CSV file on its way into a table: read as it arrives, inserted in pieces under savepoints, so that what is wrong with one line does not hide
/// what is wrong with the next.
struct ImportedFile {
    /// Rows and bytes of one piece.
    private static let pieceRows = 500
    private static let pieceBytes = 256 * 1024
    /// Lines that are told.
    private static let maximumFaults = 100

    private let target: ImportTarget
    private let executor: ResourceExecutor
    private let transaction: Transaction
    private let settings: TransactionSettings
    private let deadline: ContinuousClock.Instant
    private let authorize: ([RequiredScope]) throws -> Void

    private var reader = CSVReader()
    private var columns: ImportColumns?
    private var piece: [CSVRecord] = []
    private var pieceSize = 0
    private var count = 0
    private var faults: [ImportRefusal.Line] = []

    /// - Parameters:
    ///   - settings: the transaction's own; its role's limits hold for each insert.
    ///   - authorize: checks what the inserts need.
    init(
        target: ImportTarget, executor: ResourceExecutor, transaction: Transaction, settings: TransactionSettings,
        deadline: ContinuousClock.Instant,
        authorize: @escaping ([RequiredScope]) throws -> Void
    ) {
        self.target = target
        self.executor = executor
        self.transaction = transaction
        self.settings = settings
        self.deadline = deadline
        self.authorize = authorize
    }

    /// - Throws: ``ImportRefusal`` when enough lines are wrong; `APIError` for what is no line's fault.
    mutating func read(_ chunk: [UInt8]) async throws {
        guard .now < deadline else { throw Self.tookTooLong }
        reader.append(chunk)
        try await takeRecords()
    }

    /// - Returns: rows inserted.
    mutating func finish() async throws -> Int {
        reader.finish()
        try await takeRecords()
        guard columns != nil || !faults.isEmpty else { throw APIError.invalidBody("The file has no header line") }
        try await insertPiece()
        guard faults.isEmpty else { throw ImportRefusal(lines: faults.sorted { $0.line < $1.line }, isComplete: true) }
        return count
    }

    private mutating func takeRecords() async throws {
        while let result = reader.next() {
            switch result {
            case .problem(let problem):
                try note(problem.line, nil, APIError(400, "PGRST102", problem.kind.message))
            case .record(let record):
                try await take(record)
            }
        }
    }

    private mutating func take(_ record: CSVRecord) async throws {
        guard let columns else {
            let columns = try ImportColumns(record, of: target.table)
            try authorize(try target.insert(Array("[]".utf8), columns: columns.list).operation.requiredScopes)
            self.columns = columns
            return
        }
        guard record.count == columns.columns.count else {
            let message = "the line has \(record.count) fields, and the header \(columns.columns.count)"
            return try note(record.line, nil, APIError(400, "PGRST102", message))
        }
        piece.append(record)
        pieceSize += record.byteCount
        if piece.count >= Self.pieceRows || pieceSize >= Self.pieceBytes { try await insertPiece() }
    }

    private mutating func insertPiece() async throws {
        let records = piece[...]
        piece = []
        pieceSize = 0
        try await insert(records)
    }

    /// Inserts records, all that are right.
    private mutating func insert(_ records: ArraySlice<CSVRecord>) async throws {
        guard let first = records.first, let columns else { return }
        var json = JSONWriter(reserving: 64 * records.count)
        json.beginArray()
        for record in records {
            do {
                try columns.write(record, to: &json)
            } catch {
                // The text has half an object: the others are written anew.
                try note(record.line, error.column, error.error)
                return try await insert(ArraySlice(records.filter { $0.line != record.line }))
            }
        }
        json.endArray()
        do {
            let request = try target.insert(json.bytes, columns: columns.list)
            let (executor, transaction) = (executor, transaction)
            let (settings, timeout) = (settings, try insertTimeout())
            try await executor.checkCost(of: request, settings, in: transaction)
            try await transaction.attempt { _ = try await executor.outcome(request, in: $0, settings, timeout: timeout) }
            count += records.count
        } catch let error as APIError where error.isOfARow {
            guard records.count > 1 else { return try note(first.line, try await column(of: first, error), error) }
            let middle = records.startIndex + records.count / 2
            try await insert(records[..<middle])
            try await insert(records[middle...])
        }
    }

    /// How long one insert may take.
    private func insertTimeout() throws(APIError) -> Duration {
        let rest = ContinuousClock.now.duration(to: deadline)
        guard rest > .zero else { throw Self.tookTooLong }
        return min(rest, executor.database.statementTimeout(settings) ?? rest)
    }

    private static let tookTooLong = APIError(408, "PGRST102", "The import took too long")

    /// The column whose value its type does not take, where it is that.
    private func column(of record: CSVRecord, _ error: APIError) async throws -> String? {
        guard error.code.hasPrefix("22"), let columns else { return nil }
        for (field, column) in columns.columns.enumerated() where record.isQuoted(field) || !record.utf8(field).isEmpty {
            var json = JSONWriter()
            json.beginObject()
            json.name("value")
            if column.kind == .json || column.kind == .jsonb {
                json.raw(Array(record.utf8(field)))
            } else {
                json.string(record.text(field))
            }
            json.endObject()
            let text = String(decoding: json.bytes, as: UTF8.self)
            let cast = column.cast(.fromJSON)
            let (value, type) = cast.map { (StatementBuilder().call($0, "value"), "json") } ?? ("value", column.type)
            let test: SQL =
                "SELECT \(unescaped: value) FROM json_to_record(\(SQLParameter.text(text, as: .json))) AS b (value \(unescaped: type))"
            do {
                _ = try await transaction.attempt { try await $0.query(test) }
            } catch PostgresError.server {
                return column.name
            }
        }
        return nil
    }

    private mutating func note(_ line: Int, _ column: String?, _ error: APIError) throws {
        faults.append(ImportRefusal.Line(line: line, column: column, error: error))
        guard faults.count < Self.maximumFaults else {
            throw ImportRefusal(lines: faults.sorted { $0.line < $1.line }, isComplete: false)
        }
    }
}

extension CSVRecord {
    /// Of all its fields.
    fileprivate var byteCount: Int { utf8(count - 1).endIndex }
}

extension APIError {
    /// Whether it may be one row's fault, and another row's insert may succeed.
    fileprivate var isOfARow: Bool {
        switch status {
        // The cost is the statement's, whatever the row.
        case 400 where code == "54001": false
        case 400, 409, 412, 422: true
        default: false
        }
    }
}
