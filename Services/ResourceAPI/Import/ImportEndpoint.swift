import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import OAuth
import Postgres
import ServiceKit

/// `POST {API}/{table}/import`: a CSV file with a header line, read as it arrives, in memory that does not grow with it.
///
/// All of it is inserted in one transaction, or nothing: then every line that is wrong is told by its number. `Prefer: resolution=…` with
/// `on_conflict` merges or passes over rows that are there already. Nothing between two commas is null, `""` is an empty text.
struct ImportEndpoint: Sendable {
    let tables: TableEndpoint
    let database: TenantDatabase
    let maximumBytes: Int
    /// How long one import may take.
    let timeout: Duration

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(tables.path + "/:table/import"), [.post: { try await importFile($0, $1) }])
    }

    private func importFile(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await tables.gate.admit(request, context)
        guard request.headers[.contentType].map({ MediaType($0).name }) == "text/csv" else {
            throw APIError(415, "PGRST102", "An import is text/csv")
        }
        guard request.headers[.idempotencyKey] == nil else {
            throw APIError(400, "PGRST100", "An import has no Idempotency-Key", hint: "Repeat it with Prefer: resolution=ignore-duplicates")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBytes { throw HTTPError(.contentTooLarge) }
        let name = try tables.name(context)
        let schema = request.headers[.contentProfile]
        let table = try await tables.table(named: name, schema: schema, for: caller)
        try tables.gate.require("write", on: table.name, for: caller)
        let engine = try await tables.catalog.require()
        let target = try ImportTarget(
            engine: engine, table: table, schema: schema, rawQuery: request.uri.query ?? "", prefer: request.headers[values: .prefer])

        let place = try await database.streamPlace(of: caller.settings.tenant)
        defer { withExtendedLifetime(place) {} }
        do {
            let settings = caller.settings.adding("sallyport.request_id", context.requestID)
            let count = try await database.withTransaction(settings: settings) { transaction in
                // What is checked at the end only could not be told by line.
                try await transaction.execute("SET CONSTRAINTS ALL IMMEDIATE")
                var file = ImportedFile(
                    target: target, executor: tables.executor, transaction: transaction, settings: settings, deadline: .now + timeout
                ) { scopes in
                    try tables.gate.require(scopes, for: caller)
                }
                var size = 0
                for try await buffer in request.body {
                    size += buffer.readableBytes
                    guard size <= maximumBytes else { throw HTTPError(.contentTooLarge) }
                    try await file.read(Array(buffer.readableBytesView))
                }
                return try await file.finish()
            }
            return .json(status: .created, Array("{\"count\":\(count)}".utf8), headers: [.cacheControl: "no-store"])
        } catch let refusal as ImportRefusal {
            return refusal.response()
        } catch let error as PostgresError {
            throw error.isTransient ? APIError(503, "PGRST001", "The database cannot be reached", retryAfter: 1) : APIError.internalError
        }
    }
}

/// Why a file was not imported: every line that is wrong, as far as they are counted.
struct ImportRefusal: Error {
    struct Line: Sendable {
        let line: Int
        var column: String?
        let error: APIError
    }

    let lines: [Line]
    /// Whether the file was read to its end.
    let isComplete: Bool

    /// 400, with the error's usual members and `lines`.
    func response() -> Response {
        var json = JSONWriter(reserving: 128 + lines.count * 128)
        json.beginObject()
        json.field("code", "PGRST102")
        let count = "\(isComplete ? "" : "at least ")\(lines.count) \(lines.count == 1 ? "line is" : "lines are")"
        json.field("message", "Nothing was imported: \(count) wrong")
        json.name("details")
        json.null()
        json.name("hint")
        json.null()
        json.name("lines")
        json.beginArray()
        for line in lines {
            json.beginObject()
            json.field("line", line.line)
            json.field("column", ifPresent: line.column)
            json.field("code", line.error.code)
            json.field("message", line.error.message)
            json.field("details", ifPresent: line.error.details)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        // What is left of the file is not read.
        let headers: HTTPFields = isComplete ? [.cacheControl: "no-store"] : [.cacheControl: "no-store", .connection: "close"]
        return .json(status: .badRequest, json.bytes, headers: headers)
    }
}
