import HTTPTypes
import Hummingbird
import OAuth
import Postgres
import ServiceKit

/// `{API}/rpc/{function}`: GET, HEAD, POST and OPTIONS, inside the token's tenant.
///
/// Phases as those of tables: token, parse and plan, scope, one statement in one transaction, answer.
struct FunctionEndpoint: Sendable {
    let tables: TableEndpoint

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(path), handlers)
    }

    var shortcuts: [Shortcut] { [Shortcut(path, handlers)].compactMap(\.self) }

    private var path: String { tables.path + "/rpc/:function" }

    private var handlers: [HTTPRequest.Method: Shortcut.Handler] {
        [
            .get: { try await respond($0, $1, .callReading) },
            .head: { try await respond($0, $1, .callHead) },
            .post: { try await respond($0, $1, .call) },
            .options: { try await options($0, $1) },
            .put: { request, _ in refuse(request) },
            .patch: { request, _ in refuse(request) },
            .delete: { request, _ in refuse(request) },
        ]
    }

    private func respond(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> Response {
        let caller = try await tables.gate.admit(request, context)
        var call = try await read(request, context, verb)
        call.maximumRows = tables.executor.maximumRows(caller.settings)
        let prepared = try await tables.catalog.prepare(call)
        do {
            return try await run(prepared, request, context, caller)
        } catch let error as APIError where error.suggestsStaleCatalog {
            // The function changed under the catalog: whatever ran was taken back.
            guard let newer = await tables.catalog.reloadBecauseStale() else { throw error }
            return try await run(try newer.prepare(call), request, context, caller)
        }
    }

    private func run(
        _ call: PreparedRequest, _ request: Request, _ context: ServiceContext, _ caller: Caller
    ) async throws -> Response {
        try tables.gate.require(call.operation.requiredScopes, for: caller)
        let mayWrite = !call.operation.verb.isRead && !call.operation.onlyReads
        var settings = CallSettings.make(request.head, path: request.uri.path, caller: caller, isReadOnly: !mayWrite)
        guard mayWrite else { return tables.response(try await tables.executor.run(call, settings: settings)) }
        // Nobody knows which tables it changes, and whether those are audited.
        settings = settings.adding("sallyport.request_id", context.requestID)
        guard let key = try IdempotencyKey(request, body: call.payload.map { Array($0.text.utf8) }, caller), !call.preferences.rollsBack
        else {
            return tables.response(try await tables.executor.run(call, settings: settings))
        }
        return tables.response(try await tables.executor.run(call, once: key, settings: settings))
    }

    private func read(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> ResourceRequest {
        let headers = request.headers
        var call = ResourceRequest(verb: verb, name: try name(context), rawQuery: Substring(request.uri.query ?? ""))
        call.prefer = headers[values: .prefer]
        call.accept = headers[values: .accept]
        call.schema = headers[verb.isRead ? .acceptProfile : .contentProfile]
        if verb == .callReading { call.range = TableEndpoint.range(headers) }
        if verb.takesBody {
            call.contentType = headers[.contentType]
            call.body = Array(try await request.body.collect(upTo: tables.maximumBodyBytes).readableBytesView)
        }
        return call
    }

    private func name(_ context: ServiceContext) throws(APIError) -> String {
        guard let name = PercentCoding.decode((context.parameters.get("function") ?? "").utf8, plusIsSpace: false) else {
            throw APIError(400, "PGRST125", "The path is not properly encoded")
        }
        return name
    }

    /// What may be done with a function: one that writes is not for GET.
    private func options(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try await tables.gate.admit(request, context)
        let overloads = try await tables.catalog.require().functions(named: try name(context), schema: request.headers[.acceptProfile])
        let allow = overloads.contains(where: \.onlyReads) ? "OPTIONS,GET,HEAD,POST" : "OPTIONS,POST"
        return Response(status: .ok, headers: [.allow: allow, .cacheControl: "no-store", .vary: TableEndpoint.vary])
    }

    private func refuse(_ request: Request) -> Response {
        let error = APIError(405, "PGRST101", "Cannot use the \(request.method.rawValue) method on RPC")
        return ErrorResponses.make(error, headers: [.allow: "OPTIONS,GET,HEAD,POST"])
    }
}

extension Operation {
    /// Whether it calls a function that says so of itself.
    fileprivate var onlyReads: Bool {
        if case .function(let function) = subject { function.onlyReads } else { false }
    }
}
