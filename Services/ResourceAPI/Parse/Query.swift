import JSON

/// A query string understood: its shape, and the values it carries.
///
/// Two requests of one shape run the same statement with other parameters. Names are compared byte for byte.
struct Query: Sendable, Hashable {
    var shape = QueryShape()
    /// What the shape's ``ValueIndex``es point at, as text.
    var values: [String] = []
}

/// A position in ``Query/values``.
typealias ValueIndex = Int

/// A query string without its values. No name in it is known to exist.
struct QueryShape: Sendable, Hashable {
    /// What is read; on a write, which rows are meant and what of them is given back.
    var root = Selection()
    /// `columns=`: the keys of the body that count. Sorted, distinct.
    var columns: [ExactString]?
    /// `on_conflict=`: the columns whose conflict an upsert settles.
    var onConflict: [ExactString]?
    /// `after=`: reading goes on behind a row.
    var after: Cursor?
    /// Of a function called with GET or HEAD: what is not a filter, in the order given. A name may come again (variadic).
    var arguments: [Argument] = []

    struct Argument: Sendable, Hashable {
        let name: ExactString
        let value: ValueIndex
    }

    /// Keyset pagination: a page begins behind the last row of the page before.
    enum Cursor: Sendable, Hashable {
        /// `after=` without a value: the first page, which tells where the next one begins.
        case beginning
        /// One value for each column of the order, the key's included.
        case row([ValueIndex])
    }
}

/// What is wanted of one relation: at the root, and in each embedded one.
struct Selection: Sendable, Hashable {
    /// Nil: every column. Empty: none.
    var items: [SelectItem]?
    /// ANDed.
    var conditions: [Condition] = []
    var order: [OrderTerm] = []
    var limit = RowBound.none
    var offset: ValueIndex?
}

enum SelectItem: Sendable, Hashable {
    /// `*`
    case all
    case field(SelectedField)
    /// `count()`
    case count(alias: ExactString?, cast: CastType?)
    case relation(Embed)
}

/// `alias:column->path::cast.aggregate()::aggregateCast`
struct SelectedField: Sendable, Hashable {
    enum Aggregate: String, Sendable, Hashable {
        case count, sum, avg, min, max
    }

    let field: Field
    var alias: ExactString?
    var cast: CastType?
    var aggregate: Aggregate?
    var aggregateCast: CastType?
}

/// `alias:relation!hint!inner(…)`, or with `...` before it.
struct Embed: Sendable, Hashable {
    /// A table, view or computed relationship; or a foreign key's name or column, which then is the hint itself.
    let relation: ExactString
    var alias: ExactString?
    /// A foreign key's name, one of its columns, or the table of a many-to-many relationship.
    var hint: ExactString?
    /// `!inner`: rows without a match are left out.
    var isInner = false
    /// `...`: the members join those of the row around it.
    var isSpread = false
    var selection = Selection()

    /// What filters, order and limits call it, and the member's name in the answer.
    var name: ExactString { alias ?? relation }
}

/// A column, or what a JSON path finds in one.
struct Field: Sendable, Hashable {
    let column: ExactString
    var path: [JSONStep] = []
}

/// `->key`, `->>key`, `->0`, `->-1`
struct JSONStep: Sendable, Hashable {
    enum Key: Sendable, Hashable {
        case member(ExactString)
        case index(Int)
    }

    let key: Key
    /// `->>`: the value as text.
    let isText: Bool
}

struct OrderTerm: Sendable, Hashable {
    enum Nulls: Sendable, Hashable {
        case first
        case last
    }

    /// `order=relation(column)`: by a column of an embedded to-one relation.
    var relation: ExactString?
    let field: Field
    var isDescending = false
    var nulls: Nulls?
}

/// How a limit stands in the statement. Common ones are part of its text, so that the planner knows them; rare ones are
/// parameters, so that a client counting upwards does not fill the servers' memory with statements.
enum RowBound: Sendable, Hashable {
    case none
    case literal(Int)
    case parameter(ValueIndex)

    /// Whether a limit stands in the statement's text.
    static func isLiteral(_ limit: Int) -> Bool {
        limit <= 100 || (limit <= 1000 && limit % 50 == 0)
    }
}
