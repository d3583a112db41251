import JSON

/// What a request gives to a function: how the overload is chosen.
struct CallArguments: Sendable, Hashable {
    enum Carrier: Sendable, Hashable {
        /// GET and HEAD.
        case query
        /// Members of a JSON object, or of the first one in an array.
        case json(isArray: Bool)
        /// A body without names in it.
        case raw(Payload.Raw)
    }

    let carrier: Carrier
    /// Distinct, sorted.
    let names: [ExactString]

    init(_ carrier: Carrier, names: [ExactString]) {
        self.carrier = carrier
        self.names = Set(names).sorted { $0.string.utf8.lexicographicallyPrecedes($1.string.utf8) }
    }

    /// The type of the one unnamed parameter that could take the whole body.
    fileprivate var wholeBodyTypes: [String] {
        switch carrier {
        case .json, .raw(.json): ["json", "jsonb"]
        case .raw(.text): ["text"]
        case .raw(.binary): ["bytea"]
        case .raw(.xml): ["xml"]
        case .query: []
        }
    }

    fileprivate var hasNames: Bool {
        if case .raw = carrier { false } else { true }
    }
}

extension Catalog {
    /// The overload that a call means: the one whose parameters have the names given, all of them, and defaults for the rest; failing
    /// that, one whose single unnamed parameter takes the whole body.
    ///
    /// - Throws: 404 `PGRST202` where none fits; 300 `PGRST203` where several do.
    func function(
        named name: String, schema: String, taking arguments: CallArguments
    ) throws(APIError) -> (function: Function, takesWholeBody: Bool) {
        let overloads = (functions[schema]?[name] ?? []).filter { $0.name.isIdenticalBytes(name) }
        let named = overloads.filter { $0.accepts(arguments) }
        let fitting = named.isEmpty ? overloads.filter { $0.acceptsWhole(arguments) } : named
        guard let function = fitting.first else { throw unknownFunction(name, schema: schema, arguments, overloads) }
        guard fitting.count == 1 else { throw .ambiguousFunction(fitting) }
        return (function, takesWholeBody: named.isEmpty)
    }
}

extension Function {
    /// Required parameters given, and no others than its own.
    fileprivate func accepts(_ arguments: CallArguments) -> Bool {
        guard arguments.hasNames else { return false }
        let given = Set(arguments.names)
        let own = Set(parameters.filter { !$0.name.isEmpty }.map { ExactString($0.name) })
        return given.isSubset(of: own)
            && parameters.allSatisfy { $0.hasDefault || (!$0.name.isEmpty && given.contains(ExactString($0.name))) }
    }

    fileprivate func acceptsWhole(_ arguments: CallArguments) -> Bool {
        unnamedParameter.map { arguments.wholeBodyTypes.contains($0.type) } ?? false
    }

    /// `schema.name(a => integer, b => text)`
    fileprivate var signature: String {
        "\(schema).\(name)(" + parameters.map { "\($0.name) => \($0.type)" }.joined(separator: ", ") + ")"
    }
}

extension APIError {
    fileprivate static func ambiguousFunction(_ candidates: [Function]) -> APIError {
        APIError(
            300, "PGRST203",
            "Could not choose the best candidate function between: " + candidates.map(\.signature).joined(separator: ", "),
            hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved")
    }
}

extension Catalog {
    fileprivate func unknownFunction(
        _ name: String, schema: String, _ arguments: CallArguments, _ overloads: [Function]
    ) -> APIError {
        let function = "\(schema).\(APIError.excerpt(name))"
        let names = APIError.excerpt(arguments.names.map(\.string).joined(separator: ", "))
        var searched: String
        switch arguments.carrier {
        case .raw(.text): searched = " with a single unnamed text parameter"
        case .raw(.xml): searched = " with a single unnamed xml parameter"
        case .raw(.binary): searched = " with a single unnamed bytea parameter"
        default:
            searched = arguments.names.isEmpty ? " without parameters" : " with parameter\(arguments.names.count > 1 ? "s" : "") \(names)"
            if case .json = arguments.carrier { searched += " or with a single unnamed json/jsonb parameter" }
            if case .raw(.json) = arguments.carrier { searched = " with a single unnamed json/jsonb parameter" }
        }
        let shown = !arguments.hasNames ? "" : arguments.names.isEmpty ? " without parameters" : "(\(names))"
        var error = APIError(
            404, "PGRST202", "Could not find the function \(function)\(shown) in the schema cache",
            details: "Searched for the function \(function)\(searched), but no matches were found in the schema cache.")
        guard arguments.hasNames else { return error }
        func suggestion(_ call: String, of name: String) -> APIError.Suggestion {
            .init(
                hint: "Perhaps you meant to call the function \(schema).\(call)",
                anyOf: [RequiredScope(action: "execute", resource: name)])
        }
        if overloads.isEmpty {
            let names = (functions[schema] ?? [:]).keys.sorted()
            error.suggestions = Resemblance.ranked(to: name, in: names, by: \.self).map { suggestion($0, of: $0) }
        } else if let nearest = overloads.nearest(to: arguments.names.map(\.string)) {
            error.suggestions = [suggestion(name + nearest.parameterNames, of: name)]
        }
        return error
    }
}

extension [Function] {
    /// The overload with most of the names, or names near to them; of several, the one with the most similar number of them. Nil if it has none.
    fileprivate func nearest(to names: [String]) -> Function? {
        func likeness(_ function: Function) -> (Int, Int) {
            let own = function.parameters.map(\.name)
            let known = names.prefix(100).count { own.contains($0) || Resemblance.closest(to: $0, in: own) != nil }
            return (known, -abs(own.count - names.count))
        }
        return map { ($0, likeness($0)) }.filter { $0.1.0 > 0 }.max { $0.1 < $1.1 }?.0
    }
}

extension Function {
    /// `(a, b)`
    fileprivate var parameterNames: String {
        "(" + parameters.map(\.name).sorted().joined(separator: ", ") + ")"
    }
}
