import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import Postgres
import ServiceKit

/// `GET {API}/{table}/export`: all rows of a read, streamed as CSV or newline-delimited JSON in memory that does not grow with their number.
///
/// `select`, filters, `order`, `limit` and `offset` are those of a read; of the bounds on a read's rows only the role's own holds. What goes wrong before the
/// first rows are there is answered as an error; after that the connection is broken off, which is no end of a chunked body.
struct ExportEndpoint: Sendable {
    let tables: TableEndpoint
    let database: TenantDatabase
    /// How long one export may take.
    let timeout: Duration

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(tables.path + "/:table/export"), [.get: { try await export($0, $1) }])
    }

    private func export(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await tables.gate.admit(request, context)
        let format = try ExportFormat.negotiated(request.headers[values: .accept])
        var read = ResourceRequest(verb: .read, name: try tables.name(context), rawQuery: Substring(request.uri.query ?? ""))
        read.maximumRows = tables.executor.maximumRows(caller.settings)
        read.schema = request.headers[.acceptProfile]
        let export = try await plan(read, format, caller)
        try tables.gate.require(export.operation.requiredScopes, for: caller)

        do {
            let stream = try await database.stream(
                export.sql, settings: caller.settings.resettingSession(export.operation.runsForeignCode), timeout: timeout, as: format)
            // Whatever is wrong with the statement shows here.
            let first = try await stream.next()
            return Response(status: .ok, headers: headers(export.table, format), body: body(first, stream))
        } catch let error as PostgresError {
            throw APIError(error, operation: export.operation)
        }
    }

    private func plan(_ read: ResourceRequest, _ format: ExportFormat, _ caller: Caller) async throws -> Export {
        do {
            return try await tables.catalog.withNewerNames { engine throws(APIError) in try engine.export(read, as: format) }
        } catch let error as APIError {
            throw tables.gate.told(error, to: caller)
        }
    }

    private func headers(_ table: Table, _ format: ExportFormat) -> HTTPFields {
        let name =
            table.name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f } ? table.name : "export"
        return [
            .contentType: format.contentType, .contentDisposition: "attachment; filename=\"\(name).\(format.fileExtension)\"",
            .cacheControl: "no-store", .vary: "Accept, Accept-Profile",
        ]
    }

    private func body(_ first: [UInt8]?, _ stream: TenantStream) -> ResponseBody {
        guard let first else { return ResponseBody() }
        return ResponseBody { writer in
            try await writer.write(ByteBuffer(bytes: first))
            while let chunk = try await stream.next() { try await writer.write(ByteBuffer(bytes: chunk)) }
            try await writer.finish(nil)
        }
    }
}
