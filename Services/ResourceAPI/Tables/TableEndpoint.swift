import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit

/// `{API}/{table}`: GET, HEAD, POST, PATCH and DELETE in PostgREST's grammar, inside the token's tenant.
///
/// Phases: token, parse and plan, scope, one statement in one transaction, answer.
struct TableEndpoint: Sendable {
    let path: String
    let gate: Gate
    let catalog: LiveCatalog
    let executor: ResourceExecutor

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(path + "/:table"), handlers)
    }

    var shortcuts: [Shortcut] { [Shortcut(path + "/:table", handlers)].compactMap(\.self) }

    private var handlers: [HTTPRequest.Method: Shortcut.Handler] {
        [
            .get: { try await respond($0, $1, .read) },
            .head: { try await respond($0, $1, .head) },
            .post: { try await respond($0, $1, .insert) },
            .patch: { try await respond($0, $1, .update) },
            .delete: { try await respond($0, $1, .delete) },
        ]
    }

    private func respond(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> Response {
        let caller = try await gate.admit(request, context)
        let resourceRequest = try await read(request, context, verb)
        let prepared = try await prepare(resourceRequest)
        let table = prepared.operation.table.name
        try gate.require(verb.action, on: table, for: caller)
        // What was written or deleted is read back: without this, a right to delete would be a right to read.
        if !verb.isRead, prepared.operation.preferences.returning == .representation { try gate.require("read", on: table, for: caller) }
        do {
            return response(try await executor.run(prepared, settings: caller.settings))
        } catch let error as APIError where error.suggestsStaleCatalog {
            // The table changed under the catalog, and nothing was run: the newer catalog may have another statement for the request.
            guard let newer = await catalog.reloadBecauseStale() else { throw error }
            return response(try await executor.run(try newer.prepare(resourceRequest), settings: caller.settings))
        }
    }

    /// A name that the catalog does not know may be newer than the catalog.
    private func prepare(_ request: ResourceRequest) async throws -> PreparedRequest {
        do {
            return try await catalog.require().prepare(request)
        } catch let error as APIError where error.isUnknownName {
            guard let newer = try await catalog.reloadForUnknownName() else { throw error }
            return try newer.prepare(request)
        }
    }

    private func read(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> ResourceRequest {
        guard let table = PercentCoding.decode((context.parameters.get("table") ?? "").utf8, plusIsSpace: false) else {
            throw APIError(400, "PGRST125", "The path is not properly encoded")
        }
        var body: [UInt8]?
        if verb == .insert || verb == .update {
            guard Self.isJSON(request.headers[.contentType]) else {
                throw APIError(415, "PGRST102", "The content type must be application/json")
            }
            let collected = try await request.body.collect(upTo: ResourceAPISettings.maximumBodyBytes)
            body = Array(collected.readableBytesView)
        }
        return ResourceRequest(
            verb: verb, name: table, rawQuery: Substring(request.uri.query ?? ""), prefer: request.headers[values: .prefer], body: body
        )
    }

    /// A body without a declared type is taken for JSON, as PostgREST does.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard let mediaType = contentType?.prefix(while: { $0 != ";" && $0 != " " }).lowercased() else { return true }
        return mediaType == "application/json" || mediaType == "application/vnd.pgrst.object+json"
    }

    private func response(_ answer: ResourceResponse) -> Response {
        var headers = HTTPFields()
        // With what the pipeline and the server add: length, request id, date.
        headers.reserveCapacity(answer.headers.count + 4)
        headers.append(HTTPField(name: .cacheControl, value: "no-store"))
        for (name, value) in answer.headers {
            guard let name = HTTPField.Name.known(name) else { continue }
            headers.append(HTTPField(name: name, value: name == .location ? "\(path)/\(value)" : value))
        }
        let buffer = answer.body.withUnsafeBytes { bytes in bytes.map { ByteBuffer(bytes: $0) } }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: buffer.map { ResponseBody(byteBuffer: $0) } ?? ResponseBody()
        )
    }
}

extension Verb {
    /// The action half of the scope that a request needs.
    var action: String {
        switch self {
        case .read, .head: "read"
        case .insert, .put, .update: "write"
        case .delete: "delete"
        case .call, .callReading, .callHead: "execute"
        }
    }
}

extension APIError {
    /// Whether a newer catalog might know better.
    fileprivate var isUnknownName: Bool {
        ["PGRST205", "PGRST204", "42703"].contains(code)
    }
}

extension HTTPField.Name {
    static let prefer = literal("Prefer")
    private static let preferenceApplied = HTTPField.Name("Preference-Applied")

    /// The name of a header that answers have; making one from text takes time.
    fileprivate static func known(_ name: String) -> HTTPField.Name? {
        switch name {
        case "Content-Range": .contentRange
        case "Content-Type": .contentType
        case "Location": .location
        case "Preference-Applied": preferenceApplied
        default: HTTPField.Name(name)
        }
    }
}
