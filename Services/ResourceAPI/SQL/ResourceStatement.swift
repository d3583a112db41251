import Postgres

/// One statement for every request of a shape, with where its parameters come from and what its one row holds.
struct ResourceStatement: Sendable {
    enum Source: Sendable, Hashable {
        case body
        case value(ValueIndex)
    }

    /// The columns of the answer's one row: those that are there come in the order of the members. Columns behind them mean nothing.
    struct Layout: Sendable, Hashable {
        /// False: no row is given, and the command's own count is all there is.
        var hasRow = true
        /// The finished body, as `json`, `text` or `bytea`; null where it is too large to be held.
        var hasBody = false
        // The number of rows, `int8`: always.
        /// The number of rows without limit and offset, `int8`.
        var hasTotal = false
        /// Where the next page begins, `text`; null behind the last one.
        var hasCursor = false
        /// The digest of one row, `text`; null for none.
        var hasTag = false
        /// Of the rows written, those that were not there before, `int8`.
        var hasInserted = false
        /// One row's primary key, each column as `text`: the names.
        var key: [String] = []
        /// `response.status` and `response.headers`, both `text` or null.
        var hasSettings = false

        /// A command without RETURNING.
        static let affected = Layout(hasRow: false)
        /// What `StatementBuilder.answer` gives.
        static func rows(hasTotal: Bool = false, hasCursor: Bool = false, hasTag: Bool = false) -> Layout {
            Layout(hasBody: true, hasTotal: hasTotal, hasCursor: hasCursor, hasTag: hasTag)
        }
        static func count(hasTotal: Bool = false) -> Layout { Layout(hasTotal: hasTotal) }
    }

    let statement: SQLStatement
    let sources: [Source]
    let layout: Layout

    init(_ text: String, _ builder: StatementBuilder, _ layout: Layout) {
        statement = SQLStatement(text, parameterTypes: builder.types)
        sources = builder.sources
        self.layout = layout
    }

    /// The statement with a request's values.
    func bind(_ query: Query, _ payload: Payload?) -> SQL {
        SQL(
            statement,
            sources.map { source in
                switch source {
                case .body: .unknown(payload?.text)
                case .value(let index): .unknown(query.values[index])
                }
            })
    }
}
