import JSON
import OAuth
import Synchronization

/// Turns calls into statements; pure but for a cache. Bound to one catalog, as ``ResourceEngine`` is.
final class FunctionEngine: Sendable {
    private static let cacheLimit = 256

    private let planner: CallPlanner
    private let operations = Mutex<[RequestShape: Operation]>([:])

    /// - Parameter maximumRows: rows that one call returns at most; nil for no bound.
    init(catalog: Catalog, maximumRows: Int?) {
        planner = CallPlanner(catalog: catalog, maximumRows: maximumRows)
    }

    /// - Throws: what the client did wrong; nothing was run.
    func prepare(_ request: ResourceRequest) throws(APIError) -> PreparedRequest {
        let catalog = planner.catalog
        var query = try Query(QueryString(request.rawQuery), range: request.range, for: request.verb)
        let (arguments, payload) = try CallArguments.read(request, &query)
        let preferences = try Preferences(request.prefer)
        let shape = RequestShape(
            verb: request.verb, schema: try catalog.schema(request.schema), name: request.name, query: query.shape,
            format: try AnswerFormat.negotiated(request.accept, for: request.verb), preferences: preferences, payload: payload)
        let operation = try operation(for: shape, arguments)
        return PreparedRequest(operation, query: query, payload: payload, preferences: preferences)
    }

    private func operation(for shape: RequestShape, _ arguments: CallArguments) throws(APIError) -> Operation {
        if let known = operations.withLock({ $0[shape] }) { return known }
        let plan = try planner.plan(shape.name.string, schema: shape.schema, shape.query, taking: arguments)
        guard plan.result?.isScalar ?? true || ![.text, .binary].contains(shape.format) else { throw .notAcceptable(shape.format) }
        let statement = ResourceStatement(
            calling: plan, format: shape.format, isHead: shape.verb.isHead, countsAll: shape.preferences.count == .exact)
        let operation = Operation(
            verb: shape.verb, subject: .function(plan.function), format: shape.format, requiredScopes: plan.requiredScopes,
            statement: statement, catalog: planner.catalog)
        operations.withLock { known in
            if known.count >= Self.cacheLimit { known.removeAll(keepingCapacity: true) }
            known[shape] = operation
        }
        return operation
    }
}

extension CallArguments {
    /// The arguments of a request, and the body if they are in it. What a form gives is put into the query.
    ///
    /// - Throws: 400 `PGRST102`, 415.
    fileprivate static func read(_ request: ResourceRequest, _ query: inout Query) throws(APIError) -> (CallArguments, Payload?) {
        guard request.verb == .call else { return (CallArguments(.query, names: query.shape.arguments.map(\.name)), nil) }
        let body = request.body ?? []
        let columns = query.shape.columns
        let mediaType = request.contentType?.prefix { $0 != ";" && $0 != " " }.lowercased()
        if mediaType == "application/x-www-form-urlencoded" {
            let form = try QueryString(String(decoding: body, as: UTF8.self))
            for parameter in form.parameters where columns?.contains(ExactString(parameter.name)) ?? true {
                query.shape.arguments.append(QueryShape.Argument(name: ExactString(parameter.name), value: query.values.count))
                query.values.append(parameter.value)
            }
            return (CallArguments(.form, names: query.shape.arguments.map(\.name)), nil)
        }
        // Nothing is as good as an empty object.
        let isEmpty = body.isEmpty && (mediaType == nil || mediaType == "application/json")
        let payload = try Payload(isEmpty ? Array("{}".utf8) : body, contentType: request.contentType, for: .call)
        let carrier: CallArguments.Carrier =
            switch payload.form {
            case .object: .json(isArray: false)
            case .array: .json(isArray: true)
            case .raw(let raw): .raw(raw)
            }
        return (CallArguments(carrier, names: columns ?? payload.keys), payload)
    }
}

extension APIError {
    /// - SeeAlso: RFC 9110 §15.5.7
    fileprivate static func notAcceptable(_ format: AnswerFormat) -> APIError {
        APIError(
            406, "PGRST107", "None of these media types are available: \(format == .text ? "text/plain" : "application/octet-stream")",
            details: "Only functions that return single values have them.")
    }
}
