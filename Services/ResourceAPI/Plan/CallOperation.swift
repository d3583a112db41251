import JSON

extension OperationMaker {
    /// Makes the operation for all calls of a shape.
    ///
    /// - Throws: 404 `PGRST202`, 300 `PGRST203`, 406 `PGRST107`, and what reading the result throws.
    func call(_ shape: RequestShape) throws(APIError) -> Operation {
        let isKnown = catalog.functions[shape.schema]?[shape.name.string]?.contains { $0.name.isIdenticalBytes(shape.name.string) } ?? false
        do throws(APIError) {
            return try resolvedCall(shape)
        } catch {
            throw isKnown ? error.inside(RequiredScope(action: "execute", resource: shape.name.string)) : error
        }
    }

    private func resolvedCall(_ shape: RequestShape) throws(APIError) -> Operation {
        let plan = try CallPlanner(reading: readPlanner).plan(
            shape.name.string, schema: shape.schema, shape.query, taking: CallArguments(shape))
        let isScalar = plan.result?.isScalar ?? true
        if !isScalar, shape.format == .text || shape.format == .binary { throw .onlyOfScalars(shape.format) }
        let statement = ResourceStatement(
            calling: plan, format: shape.format, isHead: shape.verb.isHead, countsAll: shape.preferences.count != nil,
            maximumAffected: shape.maximumAffected)
        return Operation(
            verb: shape.verb, subject: .function(plan.function), format: shape.format, requiredScopes: plan.requiredScopes,
            statement: statement, catalog: catalog, runsForeignCode: true)
    }
}

extension CallArguments {
    fileprivate init(_ shape: RequestShape) {
        guard let payload = shape.payload else {
            self.init(.query, names: shape.query.arguments.map(\.name))
            return
        }
        let carrier: Carrier =
            switch payload.form {
            case .object: .json(isArray: false)
            case .array: .json(isArray: true)
            case .raw(let raw): .raw(raw)
            }
        self.init(carrier, names: shape.query.columns ?? payload.keys)
    }
}

extension APIError {
    /// - SeeAlso: RFC 9110 §15.5.7
    fileprivate static func onlyOfScalars(_ format: AnswerFormat) -> APIError {
        APIError(
            406, "PGRST107", "None of these media types are available: \(format == .text ? "text/plain" : "application/octet-stream")",
            details: "Only functions that return single values have them.")
    }
}

extension ResourceEngine {
    /// The overloads of a name.
    ///
    /// - Throws: 404 `PGRST202`; 406 `PGRST106`.
    func functions(named name: String, schema: String?) throws(APIError) -> [Function] {
        let schema = try self.schema(schema)
        let overloads = (catalog.functions[schema]?[name] ?? []).filter { $0.name.isIdenticalBytes(name) }
        guard !overloads.isEmpty else {
            throw APIError(404, "PGRST202", "Could not find the function \(schema).\(APIError.excerpt(name)) in the schema cache")
        }
        return overloads
    }
}
