import JSON

/// A call of one overload, resolved against the catalog: what its statement depends on.
struct CallPlan: Sendable, Equatable {
    /// How the arguments get into the statement. Parameters that are not among them have defaults.
    enum Arguments: Sendable, Equatable {
        /// Members of the JSON body that have the parameters' names; of an array, of its first object.
        case members([Function.Parameter], inArray: Bool)
        /// Values in the text form of the parameters' types.
        case values([Given])
        /// The whole body, in the parameter's type.
        case body(Function.Parameter)

        static let none = Arguments.values([])
    }

    struct Given: Sendable, Equatable {
        let parameter: Function.Parameter
        /// One value; of a variadic parameter, its elements.
        let values: [ValueIndex]
    }

    let function: Function
    let arguments: Arguments
    /// What is read of the result; nil where there is none.
    let result: ReadPlan?

    /// Whether the answer is one value or object, not an array of them.
    var isSingle: Bool { !function.returnsSet }

    /// The function's own rows come with the right to call it, what is embedded in them does not.
    var requiredScopes: [RequiredScope] {
        [RequiredScope(action: "execute", resource: function.name)] + (result?.requiredScopes ?? [])
    }
}

extension Function {
    /// Whether a call may run in a read-only transaction whatever the verb.
    var onlyReads: Bool { volatility != .volatile }
}
