import JSON

/// A function that was declared with `sallyport.expose`, one overload of it.
struct Function: Sendable, Hashable {
    struct Parameter: Sendable, Hashable {
        /// Empty: unnamed.
        let name: String
        /// As `format_type` writes it; of a variadic one the array's.
        let type: String
        let hasDefault: Bool
        let isVariadic: Bool
    }

    enum Result: Sendable, Hashable {
        case void
        /// Any type without members, with `format_type`'s name.
        case scalar(type: String)
        /// Rows of an exposed table or view.
        case relation(RelationID)
        /// `TABLE (…)`, OUT parameters or a composite type.
        case columns([Column])
    }

    enum Volatility: Sendable, Hashable {
        case immutable
        case stable
        case volatile
    }

    let schema: String
    let name: String
    let parameters: [Parameter]
    let result: Result
    let returnsSet: Bool
    let volatility: Volatility
    /// Runs as its owner; declared so twice.
    let isDefiner: Bool
    let comment: String?

    /// Its one parameter, unnamed: the whole body is its argument.
    var unnamedParameter: Parameter? {
        parameters.count == 1 && parameters[0].name.isEmpty ? parameters[0] : nil
    }

    /// What it speaks of.
    var names: [ExactString] {
        let parameters = parameters.flatMap { [$0.name, $0.type] }
        let results: [String] =
            switch result {
            case .void: []
            case .scalar(let type): [type]
            case .relation(let id): [id.schema.string, id.name.string]
            case .columns(let columns): columns.flatMap(\.names)
            }
        return ([schema, name] + parameters + results + [comment ?? ""]).map(ExactString.init)
    }
}
