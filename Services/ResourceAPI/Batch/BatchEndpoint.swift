import HTTPTypes
import Hummingbird
import NIOCore
import Postgres
import ServiceKit

/// `POST {API}/batch`: several operations in one transaction, all or none; each sees what those before it did.
///
/// Phases: token, all operations planned, all scopes, one transaction, one answer. An operation that fails gives the answer its status,
/// and takes back all others.
struct BatchEndpoint: Sendable {
    static let name = "batch"
    /// For all operations together.
    private static let timeout = Duration.seconds(30)

    let tables: TableEndpoint

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.post(RouterPath("\(tables.path)/\(Self.name)")) { try await respond($0, $1) }
    }

    private func respond(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await tables.gate.admit(request, context)
        guard MediaType(request.headers[.contentType] ?? "application/json").name == "application/json" else {
            throw APIError(415, "PGRST102", "A batch is application/json")
        }
        let body = Array(try await request.body.collect(upTo: tables.maximumBodyBytes).readableBytesView)
        let batch = try BatchRequest(body)
        let key = try IdempotencyKey(request, body: body, caller)
        var settings = caller.settings.adding("sallyport.request_id", context.requestID)
        if batch.operations.contains(where: { $0.verb.isCall }) {
            settings = CallSettings.make(request.head, path: request.uri.path, caller: caller, isReadOnly: false)
                .adding("sallyport.request_id", context.requestID)
        }
        let engine = try await tables.catalog.require()
        do {
            return tables.response(try await run(batch, key, try await prepare(batch, caller), caller, settings))
        } catch let refusal as BatchRefusal where refusal.error.suggestsStaleCatalog {
            // Nothing was done; the newer catalog may have other statements.
            guard await tables.catalog.reloadBecauseStale(engine) != nil else { throw refusal }
            return tables.response(try await run(batch, key, try await prepare(batch, caller), caller, settings))
        }
    }

    private func prepare(_ batch: BatchRequest, _ caller: Caller) async throws -> [PreparedRequest] {
        var prepared: [PreparedRequest] = []
        for (index, operation) in batch.operations.enumerated() {
            var operation = operation
            operation.maximumRows = tables.executor.maximumRows(caller.settings)
            do {
                let request = try await tables.prepare(operation, for: caller)
                guard request.preferences.timeZone == nil, !request.preferences.rollsBack else {
                    throw APIError(400, "PGRST122", "An operation of a batch has the batch's transaction: no timezone, no tx=rollback")
                }
                prepared.append(request)
            } catch let error as APIError {
                throw BatchRefusal(error: error, index: index)
            }
        }
        return prepared
    }

    private func run(
        _ batch: BatchRequest, _ key: IdempotencyKey?, _ prepared: [PreparedRequest], _ caller: Caller, _ settings: TransactionSettings
    ) async throws -> ResourceResponse {
        for request in prepared { try tables.gate.require(request.operation.requiredScopes, for: caller) }
        guard let last = prepared.last else { throw APIError.internalError }
        for (index, request) in prepared.enumerated() {
            do {
                try await tables.executor.checkCost(of: request, settings)
            } catch let error as APIError {
                throw BatchRefusal(error: error, index: index)
            }
        }
        let statementTimeout = tables.executor.database.statementTimeout(settings) ?? Self.timeout
        if let key {
            return try await tables.executor.once(key, settings: settings, operation: last.operation) { transaction in
                try await run(prepared, in: transaction, settings, statementTimeout)
            }
        }
        do {
            return try await tables.executor.withTransaction(settings: settings) {
                try await run(prepared, in: $0, settings, statementTimeout)
            }
        } catch let error as PostgresError {
            // The end of the transaction failed, such as a deferred constraint.
            throw APIError(error, operation: last.operation)
        }
    }

    private func run(
        _ requests: [PreparedRequest], in transaction: Transaction, _ settings: TransactionSettings, _ statementTimeout: Duration
    ) async throws -> ResourceResponse {
        let end = ContinuousClock.now + Self.timeout
        var answer = BatchAnswer(path: tables.path)
        for (index, request) in requests.enumerated() {
            do {
                let rest = ContinuousClock.now.duration(to: end)
                guard rest > .zero else { throw APIError(504, "57014", "The batch took too long") }
                answer.append(
                    try ResourceResponse(
                        request, try await outcome(request, in: transaction, settings, timeout: min(rest, statementTimeout))))
                guard answer.byteCount <= ResourceResponse.maximumBytes else {
                    throw ResourceResponse.tooLarge
                }
            } catch let error as APIError {
                throw BatchRefusal(error: error, index: index)
            }
        }
        return ResourceResponse(
            status: 200, headers: [("Content-Type", ResourceResponse.contentType)], body: .bytes(answer.finished()))
    }

    /// What holds for one operation alone ends with it.
    private func outcome(
        _ request: PreparedRequest, in transaction: Transaction, _ settings: TransactionSettings, timeout: Duration
    ) async throws -> Outcome {
        if request.operation.isPurge { try await transaction.execute("SELECT set_config('sallyport.purge', 'on', true)") }
        let outcome = try await tables.executor.outcome(request, in: transaction, settings, timeout: timeout)
        if request.operation.isPurge { try await transaction.execute("SELECT set_config('sallyport.purge', '', true)") }
        if request.operation.verb.isCall {
            // A function may have changed any setting until the end of its transaction, the tenant among them.
            try await transaction.execute(
                """
                SELECT set_config('response.status', '', true), set_config('response.headers', '', true),
                       set_config('sallyport.purge', '', true)
                """)
            for (name, value) in settings.settings {
                try await transaction.execute("SELECT set_config(\(name), \(value), true)")
            }
        }
        return outcome
    }
}
