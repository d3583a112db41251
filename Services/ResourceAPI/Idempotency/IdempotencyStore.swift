import JSON
import Postgres

/// First answers, kept for a day in the transaction that had the effect: `sallyport.idempotency_key`.
struct IdempotencyStore: Sendable {
    /// A larger answer is not kept, and so its effect is not allowed.
    static let maximumBodyBytes = 1_048_576

    let transaction: Transaction

    /// Takes the key until the transaction ends, and looks whether it was used.
    ///
    /// - Returns: the first answer; nil if this is the first request.
    /// - Throws: 409 `SP409` while another request holds the key; 422 `SP422` if it was another request's.
    func claim(_ key: IdempotencyKey) async throws -> ResourceResponse? {
        // Two statements: the second sees what the key's last holder committed.
        let results = try await transaction.batch([
            "SELECT pg_try_advisory_xact_lock(\(key.lock))",
            """
            SELECT fingerprint, status, headers, body
              FROM sallyport.idempotency_key
             WHERE period >= floor(extract(epoch FROM now()) / 86400)::integer AND subject = COALESCE(sallyport.subject(), '')
               AND key_hash = \(key.hash) AND expires_at > now()
            """,
        ])
        guard results.count == 2, try results[0].first?.decode(Bool.self, column: 0) == true else {
            throw APIError(409, "SP409", "A request with this Idempotency-Key is being carried out", retryAfter: 1)
        }
        guard let row = results[1].first else { return nil }
        let (fingerprint, status, headers, body) = try row.decode([UInt8].self, Int16.self, String.self, [UInt8]?.self)
        guard fingerprint == key.fingerprint else {
            throw APIError(
                422, "SP422", "This Idempotency-Key was used for another request",
                hint: "Send the same method, URL, headers and body again, or use a new key")
        }
        return ResourceResponse(
            status: Int(status), headers: try Self.headers(headers) + [("Idempotent-Replayed", "true")],
            body: body.map { .bytes($0) } ?? .none)
    }

    /// - Throws: 400 `54000` for an answer that is too large.
    func keep(_ answer: ResourceResponse, _ key: IdempotencyKey) async throws {
        let body = answer.body.withUnsafeBytes { $0.map { Array($0) } }
        guard body?.count ?? 0 <= Self.maximumBodyBytes else {
            throw APIError(
                400, "54000", "The answer is larger than the \(Self.maximumBodyBytes) bytes that are kept for a retry",
                hint: "Ask for less of it with select, or for nothing with Prefer: return=minimal")
        }
        try await transaction.execute(
            """
            INSERT INTO sallyport.idempotency_key (period, key_hash, fingerprint, status, headers, body, expires_at)
            SELECT floor(extract(epoch FROM day.later) / 86400)::integer, \(key.hash), \(key.fingerprint), \(Int16(answer.status)),
                   \(Self.text(answer.headers)), \(body), day.later
              FROM (SELECT now() + interval '1 day') AS day (later)
            """)
    }

    /// `[["name", "value"], …]`
    private static func text(_ headers: [(name: String, value: String)]) -> String {
        var json = JSONWriter(reserving: 256)
        json.beginArray()
        for (name, value) in headers {
            json.beginArray()
            json.string(name)
            json.string(value)
            json.endArray()
        }
        json.endArray()
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func headers(_ text: String) throws -> [(name: String, value: String)] {
        try JSONValue(parsing: text).arrayValue?.compactMap { pair in
            guard let parts = pair.arrayValue?.compactMap(\.stringValue), parts.count == 2 else { return nil }
            return (parts[0], parts[1])
        } ?? []
    }
}

extension ResourceExecutor {
    /// Runs a request, unless it ran before under the key: then this is the answer it had.
    func run(_ request: PreparedRequest, once key: IdempotencyKey, settings: TransactionSettings) async throws -> ResourceResponse {
        try await checkCost(of: request, settings)
        return try await once(key, settings: self.settings(for: request, settings), operation: request.operation) { transaction in
            try ResourceResponse(
                request, try await outcome(request, in: transaction, settings, timeout: database.statementTimeout(settings)))
        }
    }

    /// What single requests are held to holds in transactions of several statements too.
    ///
    /// - Throws: 400 `54001` beyond the role's ceiling.
    func checkCost(of request: PreparedRequest, _ settings: TransactionSettings) async throws {
        guard let statement = request.operation.statement else { return }
        do {
            try await database.checkCost(statement.bind(request.query, request.payload), self.settings(for: request, settings))
        } catch let error as PostgresError {
            throw APIError(error, operation: request.operation)
        }
    }

    /// As ``checkCost(of:_:)``, inside the transaction.
    func checkCost(of request: PreparedRequest, _ settings: TransactionSettings, in transaction: Transaction) async throws {
        guard let statement = request.operation.statement else { return }
        do {
            try await database.checkCost(statement.bind(request.query, request.payload), settings, in: transaction)
        } catch let error as PostgresError {
            throw APIError(error, operation: request.operation)
        }
    }

    /// Runs `body` and keeps its answer in one transaction, unless the key has an answer.
    ///
    /// - Parameter operation: what an error of the database is worded by.
    func once(
        _ key: IdempotencyKey, settings: TransactionSettings, operation: Operation, _ body: (Transaction) async throws -> ResourceResponse
    ) async throws -> ResourceResponse {
        do {
            return try await withTransaction(settings: settings) { transaction in
                let store = IdempotencyStore(transaction: transaction)
                if let known = try await store.claim(key) { return known }
                let answer = try await body(transaction)
                try await store.keep(answer, key)
                return answer
            }
        } catch let error as PostgresError {
            throw APIError(error, operation: operation)
        }
    }
}
