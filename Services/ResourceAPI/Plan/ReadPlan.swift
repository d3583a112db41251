import JSON

/// What is read of one relation, resolved against the catalog: every name in it is the catalog's own, but for the members' names.
struct ReadPlan: Sendable, Equatable {
    /// Where the rows come from.
    enum Source: Sendable, Equatable {
        case table(Table)
        /// What a write gave back, under the name `sallyport_source`, with the table's own column names.
        case written(Table)
        /// What a function returned, under the name `sallyport_source`; columns by name, or one column of a scalar result.
        case result(Function)
    }

    let source: Source
}
