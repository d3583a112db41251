import JSON

/// What is read of one relation, resolved against the catalog: every name in it is the catalog's own, but for the members' names and
/// the keys of JSON paths.
///
/// A tree: each embedded relation has a plan of its own.
struct ReadPlan: Sendable, Equatable {
    /// Where the rows come from.
    enum Source: Sendable, Equatable {
        case table(Table)
        /// What a write gave back, under the name `sallyport_source`, with the table's own column names: the list of
        /// ``StatementBuilder/returning(_:alias:)``. The root's ``conditions`` are the write's, not applied again.
        case written(Table)
        /// What a function returned, under the name `sallyport_source`; columns by name, or one column ``ReadPlan/scalarColumn`` of a
        /// scalar result; where ``ReadPlan/needsWholeRow``, the row itself too, as ``ReadPlan/wholeRowColumn``.
        case result(Function)
    }

    /// The name of the one column of a scalar result.
    static let scalarColumn = "sallyport_value"
    /// The row itself as one column of its table's type, for functions of the row.
    static let wholeRowColumn = "sallyport_whole"
    /// The name of a source that is not a table.
    static let sourceName = "sallyport_source"
    /// The last column of the rows that ``StatementBuilder/rows(_:)`` gives, if ``cursor`` is asked for.
    static let cursorColumn = "sallyport_cursor"

    /// The row's digest, if ``taggedColumns`` are given.
    static let tagColumn = "sallyport_tag"

    let source: Source
    /// The table or view whose rows these are; nil where a function returns columns of its own or a scalar.
    let relation: Table?
    /// What the statement calls a row.
    let alias: String
    /// The members of the answer, in order; their names are distinct.
    var output: [Output] = []
    /// Related relations that are read, or that decide which rows there are.
    var embeds: [Embedding] = []
    /// ANDed.
    var conditions: [Condition] = []
    var order: [Order] = []
    var limit = RowBound.none
    /// Rows that are returned at most, whatever ``limit`` says.
    var maximumRows: Int?
    /// More rows than this are refused.
    var refusesBeyond: Int?
    var offset: ValueIndex?
    /// Keyset pagination; the order then is total.
    var cursor: Cursor?
    /// Aggregates are left to the plan around this one: it is spread as at most one row.
    var hoistsAggregates = false
    var deletion = Deletion.none
    /// The columns whose values make a row's tag, if it is asked for: ``tagColumn`` behind the rows' own columns.
    var taggedColumns: [Column]?

    /// What becomes of rows that are deleted softly: those in which the column named is not null.
    enum Deletion: Sendable, Equatable {
        /// The relation knows no such thing.
        case none
        case hidden(String)
        /// The request's own conditions decide.
        case asked(String)
    }

    /// One value of a row.
    struct Value: Sendable, Hashable {
        enum Base: Sendable, Hashable {
            case column(Column)
            /// A declared function of the row.
            case computed(Function)
        }

        let base: Base
        var path: [JSONStep] = []
    }

    struct Aggregation: Sendable, Hashable {
        let function: SelectedField.Aggregate
        let cast: CastType?
    }

    /// A member of the answer.
    struct Output: Sendable, Hashable {
        enum Expression: Sendable, Hashable {
            case value(Value, cast: CastType?)
            /// Of `count()`: the rows themselves.
            case rows
            /// An embedded relation, by its position in ``ReadPlan/embeds``: an object or an array.
            case embedded(Int)
            /// A member of a relation that is spread; of a to-many one an array.
            case member(Int, name: String)
        }

        let name: String
        let expression: Expression
        var aggregate: Aggregation?
    }

    indirect enum Condition: Sendable, Hashable {
        case filter(Value, isNegated: Bool, Filter.Operation)
        /// Whether the row is deleted softly, compared like a boolean column.
        case deleted(String, isNegated: Bool, Filter.Operation)
        /// Whether an embedded relation has a row, by its position in ``ReadPlan/embeds``.
        case exists(Int, isNegated: Bool)
        case all([Condition], isNegated: Bool)
        case any([Condition], isNegated: Bool)
    }

    struct Order: Sendable, Hashable {
        enum Key: Sendable, Hashable {
            case value(Value)
            /// A member of the answer, by its position in ``ReadPlan/output``.
            case output(Int)
            /// A value of an embedded to-one relation, by its position in ``ReadPlan/embeds``.
            case related(Int, Value)
        }

        let key: Key
        var isDescending = false
        var nulls: OrderTerm.Nulls?
    }

    struct Cursor: Sendable, Hashable {
        /// One for each term of the order; nil: from the beginning.
        var values: [ValueIndex]?
    }

    /// A related relation.
    struct Embedding: Sendable, Equatable {
        /// What the request calls it.
        let name: ExactString
        let relationship: Relationship
        let isInner: Bool
        let isSpread: Bool
        var plan: ReadPlan
        /// What the statement calls its rows where they are joined.
        let alias: String
        /// Of a many-to-many relationship.
        var junction: Table?
    }
}

extension ReadPlan {
    /// Whether rows are grouped: some members are aggregates, and all others tell the groups apart.
    var isGrouped: Bool { !hoistsAggregates && output.contains { $0.aggregate != nil } }

    /// Whether the rows are bare values of a function's scalar result.
    var isScalar: Bool {
        if case .result(let function) = source, case .scalar = function.result { true } else { false }
    }
}
