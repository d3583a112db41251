import Postgres

/// One statement for every request of a shape, with where its parameters come from and what its one row holds.
struct ResourceStatement: Sendable {
    enum Source: Sendable, Hashable {
        case body
        case value(ValueIndex)
    }

    /// The columns of the answer.
    enum Layout: Sendable, Hashable {
        /// 0: the rows as a JSON array; 1: their number; 2, if counted: the number without limit.
        case rows(hasTotal: Bool)
        /// 0: the number of rows; 1, if counted: the number without limit.
        case count(hasTotal: Bool)
        /// 0: the number of rows; 1 and on: one row's key as text.
        case key(names: [String])
        /// No row: the command's own count.
        case affected
    }

    let statement: SQLStatement
    let sources: [Source]
    let layout: Layout

    /// The statement with a request's values.
    func bind(_ query: Query, _ payload: Payload?) -> SQL {
        SQL(
            statement,
            sources.map { source in
                switch source {
                case .body: .text(payload?.text, as: .json)
                case .value(let index): .unknown(query.values[index])
                }
            })
    }
}
