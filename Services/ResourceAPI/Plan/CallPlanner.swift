import JSON

/// Resolves a call's names against the catalog.
struct CallPlanner: Sendable {
    /// What reads the result.
    let reading: ReadPlanner

    private var catalog: Catalog { reading.catalog }

    /// - Throws: 404 `PGRST202`, 300 `PGRST203`, and what reading the result throws.
    func plan(_ name: String, schema: String, _ query: QueryShape, taking arguments: CallArguments) throws(APIError) -> CallPlan {
        let (function, takesWholeBody) = try catalog.function(named: name, schema: schema, taking: arguments)
        return CallPlan(
            function: function,
            arguments: takesWholeBody
                ? function.unnamedParameter.map { .body($0) } ?? .none : named(arguments, of: function, query.arguments),
            result: try result(query, of: function))
    }

    private func named(_ arguments: CallArguments, of function: Function, _ given: [QueryShape.Argument]) -> CallPlan.Arguments {
        let parameters = function.parameters.filter { parameter in
            arguments.names.contains { $0.string.isIdenticalBytes(parameter.name) }
        }
        if case .json(let isArray) = arguments.carrier, !parameters.isEmpty { return .members(parameters, inArray: isArray) }
        return .values(parameters.map { Self.value(of: $0, in: given) })
    }

    /// Of a parameter that is given again and again the last value counts, unless it takes them all.
    private static func value(of parameter: Function.Parameter, in given: [QueryShape.Argument]) -> CallPlan.Given {
        let values = given.filter { $0.name.string.isIdenticalBytes(parameter.name) }.map(\.value)
        return CallPlan.Given(parameter: parameter, values: parameter.isVariadic ? values : values.suffix(1))
    }

    private func result(_ query: QueryShape, of function: Function) throws(APIError) -> ReadPlan? {
        if case .void = function.result { return nil }
        return try reading.plan(query.root, of: .result(function))
    }
}
