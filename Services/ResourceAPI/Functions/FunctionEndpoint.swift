import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import ServiceKit

/// `{API}/rpc/{function}`: GET, HEAD and POST, inside the token's tenant.
///
/// Phases as those of tables: token, parse and plan, scope, one statement in one transaction, answer.
struct FunctionEndpoint: Sendable {
    let path: String
    let gate: Gate
    let catalog: LiveCatalog
    let executor: ResourceExecutor

    func addRoutes(to router: some RouterMethods<ServiceContext>) {
        router.route(RouterPath(path + "/rpc/:function"), handlers)
    }

    var shortcuts: [Shortcut] { [Shortcut(path + "/rpc/:function", handlers)].compactMap(\.self) }

    private var handlers: [HTTPRequest.Method: Shortcut.Handler] {
        [
            .get: { try await respond($0, $1, .callReading) },
            .head: { try await respond($0, $1, .callHead) },
            .post: { try await respond($0, $1, .call) },
            .options: options,
            .put: refuse, .patch: refuse, .delete: refuse,
        ]
    }

    private func respond(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> Response {
        let caller = try await gate.admit(request, context)
        let call = try await read(request, context, verb)
        let (prepared, engine) = try await prepare(call)
        do {
            return try await run(prepared, of: engine, request, caller)
        } catch let error as APIError where error.suggestsStaleCatalog {
            // The function changed under the catalog: whatever ran was rolled back.
            guard let newer = await catalog.reloadBecauseStale() else { throw error }
            return try await run(try newer.functions.prepare(call), of: newer.functions, request, caller)
        }
    }

    private func run(_ call: PreparedCall, of engine: FunctionEngine, _ request: Request, _ caller: Caller) async throws -> Response {
        for scope in call.operation.plan.requiredScopes { try gate.require(scope.action, on: scope.resource, for: caller) }
        let settings = CallSettings.make(
            request.head, path: request.uri.path, caller: caller, isReadOnly: call.operation.isReadOnly)
        let statement = call.operation.statement
        do {
            let result = try await executor.postgres.query(statement.bind(call.values, body: call.body), settings: settings)
            return try CallResponse.make(call, CallOutcome(result, statement.layout))
        } catch let error as PostgresError {
            throw APIError(error, calling: call.operation.plan.function, in: engine.catalog)
        }
    }

    /// A name that the catalog does not know may be newer than the catalog.
    private func prepare(_ request: ResourceRequest) async throws -> (PreparedCall, FunctionEngine) {
        let engine = try await catalog.require().functions
        do {
            return (try engine.prepare(request), engine)
        } catch let error as APIError where error.code == "PGRST202" {
            guard let newer = try await catalog.reloadForUnknownName()?.functions else { throw error }
            return (try newer.prepare(request), newer)
        }
    }

    private func read(_ request: Request, _ context: ServiceContext, _ verb: Verb) async throws -> ResourceRequest {
        var body: [UInt8]?
        if verb == .call {
            body = Array(try await request.body.collect(upTo: ResourceAPISettings.maximumBodyBytes).readableBytesView)
        }
        return ResourceRequest(
            verb: verb, name: try name(context), schema: request.headers[verb == .call ? .contentProfile : .acceptProfile],
            rawQuery: Substring(request.uri.query ?? ""), prefer: request.headers[values: .prefer], accept: request.headers[values: .accept],
            range: verb == .callReading ? Self.range(request.headers) : nil, contentType: request.headers[.contentType], body: body)
    }

    private func name(_ context: ServiceContext) throws(APIError) -> String {
        guard let name = PercentCoding.decode((context.parameters.get("function") ?? "").utf8, plusIsSpace: false) else {
            throw APIError(400, "PGRST125", "The path is not properly encoded")
        }
        return name
    }

    /// `items=0-9` or `0-9`.
    private static func range(_ headers: HTTPFields) -> String? {
        guard let range = headers[.range] else { return nil }
        return range.hasPrefix("items=") ? String(range.dropFirst(6)) : range
    }

    /// What may be done with a function: reading it by GET only if it only reads.
    @Sendable private func options(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try await gate.admit(request, context)
        let name = try name(context)
        let engine = try await catalog.require()
        let schema = try engine.catalog.schema(request.headers[.acceptProfile])
        let overloads = engine.catalog.functions[schema]?[name] ?? []
        guard !overloads.isEmpty else { throw APIError(404, "PGRST202", "Could not find the function \(schema).\(APIError.excerpt(name)) in the schema cache") }
        let allowed = overloads.contains(where: \.onlyReads) ? "OPTIONS,GET,HEAD,POST" : "OPTIONS,POST"
        return Response(status: .ok, headers: [.allow: allowed])
    }

    @Sendable private func refuse(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let error = APIError(405, "PGRST101", "Cannot use the \(request.method.rawValue) method on RPC")
        return ErrorResponses.make(error, headers: [.allow: "OPTIONS,GET,HEAD,POST"])
    }
}

extension HTTPField.Name {
    fileprivate static let contentProfile = literal("Content-Profile")
    fileprivate static let acceptProfile = literal("Accept-Profile")
}
