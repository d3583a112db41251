import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import Postgres
import ServiceKit

/// `{API}/{table}`: GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS in PostgREST's grammar, inside the token's tenant.
///
/// Phases: token, parse and plan, scope, one statement in one transaction, answer.
struct TableEndpoint: Sendable {
    let path: String
    let gate: Gate
    let catalog: LiveCatalog
    let executor: ResourceExecutor
    let maximumBodyBytes: Int

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(path + "/:table"), handlers)
    }

    var shortcuts: [Shortcut] {
        [
            Shortcut(
                path + "/:table", handlers,
                except: [.get: OpenAPIEndpoint.docsName, .head: OpenAPIEndpoint.docsName, .post: BatchEndpoint.name])
        ].compactMap(\.self)
    }

    private var handlers: [HTTPRequest.Method: Shortcut.Handler] {
        [
            .get: { try await respond($0, $1, .read) },
            .head: { try await respond($0, $1, .head) },
            .post: { try await respond($0, $1, .insert) },
            .put: { try await respond($0, $1, .put) },
            .patch: { try await respond($0, $1, .update) },
            .delete: { try await respond($0, $1, .delete) },
            .options: { try await options($0, $1) },
        ]
    }

    func respond(_ request: Request, _ context: ServiceContext, _ verb: Verb, isRestoration: Bool = false) async throws -> Response {
        let caller = try await gate.admit(request, context)
        var resourceRequest = try await read(request, context, verb)
        resourceRequest.isRestoration = isRestoration
        resourceRequest.maximumRows = executor.maximumRows(caller.settings)
        let prepared = try await catalog.prepare(resourceRequest)
        do {
            return response(try await run(prepared, request, context, caller))
        } catch let error as APIError where error.suggestsStaleCatalog {
            // The table changed under the catalog, and nothing was run: the newer catalog may have another statement for the request.
            guard let newer = await catalog.reloadBecauseStale() else { throw error }
            return response(try await run(try newer.prepare(resourceRequest), request, context, caller))
        }
    }

    private func run(
        _ prepared: PreparedRequest, _ request: Request, _ context: ServiceContext, _ caller: Caller
    ) async throws -> ResourceResponse {
        try gate.require(prepared.operation.requiredScopes, for: caller)
        guard !prepared.operation.verb.isRead else {
            return try unlessKnown(try await executor.run(prepared, settings: caller.settings), request)
        }
        let isAudited = prepared.operation.table?.features.isAudited ?? false
        let settings = isAudited ? caller.settings.adding("sallyport.request_id", context.requestID) : caller.settings
        guard let key = try IdempotencyKey(request, body: prepared.payload.map { Array($0.text.utf8) }, caller),
            !prepared.preferences.rollsBack
        else {
            return try await executor.run(prepared, settings: settings)
        }
        return try await executor.run(prepared, once: key, settings: settings)
    }

    /// What the token may do to the table.
    private func options(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await gate.admit(request, context)
        let table = try await catalog.table(named: try name(context), schema: request.headers[.acceptProfile])
        let allow = TableRights(table: table).allow { caller.claims.scopes.allows($0, on: table.name) }
        return Response(status: .ok, headers: [.allow: allow, .cacheControl: "no-store", .vary: Self.vary])
    }

    func name(_ context: ServiceContext) throws(APIError) -> String {
        guard let name = PercentCoding.decode((context.parameters.get("table") ?? "").utf8, plusIsSpace: false) else {
            throw APIError(400, "PGRST125", "The path is not properly encoded")
        }
        return name
    }

    private func read(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> ResourceRequest {
        let headers = request.headers
        var resource = ResourceRequest(verb: verb, name: try name(context), rawQuery: Substring(request.uri.query ?? ""))
        resource.take(headers)
        if verb.takesBody {
            resource.body = Array(try await request.body.collect(upTo: maximumBodyBytes).readableBytesView)
        }
        return resource
    }

    /// `0-9`, `items=0-9`; a range of bytes or of something else is not for us (RFC 9110 §14.2).
    static func range(_ headers: HTTPFields) -> String? {
        guard let range = headers[.range] else { return nil }
        guard let unit = range.firstIndex(of: "=") else {
            return headers[.rangeUnit].map { $0.lowercased() == "items" } ?? true ? range : nil
        }
        return range[..<unit].lowercased() == "items" ? String(range[range.index(after: unit)...]) : nil
    }

    func response(_ answer: ResourceResponse) -> Response {
        var headers = HTTPFields()
        // With what the pipeline and the server add: length, request id, date.
        headers.reserveCapacity(answer.headers.count + 5)
        headers.append(Self.varies)
        for (name, value) in answer.headers {
            guard let name = HTTPField.Name.known(name) else { continue }
            // The server's own location is relative to the API; a function's is not.
            let isRelative = name == .location && !value.hasPrefix("/") && !value.contains("://")
            headers.append(HTTPField(name: name, value: isRelative ? "\(path)/\(value)" : value))
        }
        if headers[.cacheControl] == nil { headers.append(Self.noStore) }
        let buffer = answer.body.withUnsafeBytes { bytes in bytes.map { ByteBuffer(bytes: $0) } }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: buffer.map { ResponseBody(byteBuffer: $0) } ?? ResponseBody()
        )
    }

    /// What an answer depends on besides its URL (RFC 9110 §12.5.5).
    static let vary = "Accept, Accept-Profile, Prefer, Range"
    private static let noStore = HTTPField(name: .cacheControl, value: "no-store")
    private static let varies = HTTPField(name: .vary, value: vary)
}

extension Gate {
    /// - Throws: ``BearerChallenge`` for the first that the token lacks.
    func require(_ scopes: [RequiredScope], for caller: Caller) throws {
        for scope in scopes { try require(scope.action, on: scope.resource, for: caller) }
    }
}

extension LiveCatalog {
    /// A name that the catalog does not know may be newer than the catalog.
    func prepare(_ request: ResourceRequest) async throws -> PreparedRequest {
        do {
            return try await require().prepare(request)
        } catch let error as APIError where error.isUnknownName {
            guard let newer = try await reloadForUnknownName() else { throw error }
            return try newer.prepare(request)
        }
    }

    /// - Throws: 404 `PGRST205`; 406 `PGRST106`.
    func table(named name: String, schema: String?) async throws -> Table {
        do {
            return try await require().table(named: name, schema: schema)
        } catch let error as APIError where error.isUnknownName {
            guard let newer = try await reloadForUnknownName() else { throw error }
            return try newer.table(named: name, schema: schema)
        }
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
    var isUnknownName: Bool {
        ["PGRST200", "PGRST202", "PGRST204", "PGRST205", "42703"].contains(code)
    }
}

extension HTTPField.Name {
    static let prefer = literal("Prefer")
    static let acceptProfile = literal("Accept-Profile")
    static let contentProfile = literal("Content-Profile")
    static let rangeUnit = literal("Range-Unit")
    private static let preferenceApplied = HTTPField.Name("Preference-Applied")

    /// The name of a header that answers have; making one from text takes time.
    fileprivate static func known(_ name: String) -> HTTPField.Name? {
        switch name {
        case "Content-Range": .contentRange
        case "Content-Profile": .contentProfile
        case "Content-Type": .contentType
        case "ETag": .eTag
        case "Location": .location
        case "Preference-Applied": preferenceApplied
        default: HTTPField.Name(name)
        }
    }
}
