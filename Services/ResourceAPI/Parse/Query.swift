import JSON

/// What is done to a table.
enum Verb: Sendable, Hashable {
    case read
    /// As `read`, without the rows.
    case head
    case insert
    case update
    case delete

    var isRead: Bool { self == .read || self == .head }
}

/// A query string understood: its shape, and the values it carries.
///
/// Two requests of one shape run the same statement with other parameters. Names are compared byte for byte.
struct Query: Sendable, Hashable {
    var shape = QueryShape()
    /// The filters' values, in the order of the filters that take one.
    var values: [String] = []
    var limit: Int?
    var offset: Int?
}

struct QueryShape: Sendable, Hashable {
    /// Nil: every column. Empty: none.
    var select: [SelectItem]?
    var filters: [Filter] = []
    var order: [OrderTerm] = []
    /// `columns=`: the keys of the body that count.
    var columns: [ExactString]?
    var limit = RowBound.none
    var hasOffset = false
}

/// How a limit stands in the statement. Common ones are part of its text, so that the planner knows them; rare ones are
/// parameters, so that a client counting upwards does not fill the servers' memory with statements.
enum RowBound: Sendable, Hashable {
    case none
    case literal(Int)
    case parameter

    init(limit: Int) {
        self = limit <= 100 || (limit <= 1000 && limit % 50 == 0) ? .literal(limit) : .parameter
    }
}

enum SelectItem: Sendable, Hashable {
    case all
    case column(name: ExactString, alias: ExactString?, cast: CastType?)
}

struct OrderTerm: Sendable, Hashable {
    enum Nulls: Sendable, Hashable {
        case first
        case last
    }

    let column: ExactString
    let isDescending: Bool
    let nulls: Nulls?
}

struct Filter: Sendable, Hashable {
    enum Condition: Sendable, Hashable {
        /// Takes a value.
        case compare(Comparison)
        /// `in`: takes an array literal as its value.
        case isAny
        /// `is`: takes none.
        case isKeyword(Keyword)

        var takesValue: Bool {
            if case .isKeyword = self { false } else { true }
        }
    }

    enum Comparison: String, Sendable, Hashable {
        case equal = "eq"
        case notEqual = "neq"
        case greater = "gt"
        case greaterOrEqual = "gte"
        case less = "lt"
        case lessOrEqual = "lte"
        case like
        case caseInsensitiveLike = "ilike"
    }

    enum Keyword: String, Sendable, Hashable {
        case null
        case notNull = "not_null"
        case isTrue = "true"
        case isFalse = "false"
        case unknown
    }

    let column: ExactString
    let isNegated: Bool
    let condition: Condition
}

/// The types a client may cast to, by the name it may use.
enum CastType: String, Sendable, Hashable {
    case text
    case varchar
    case bool
    case boolean
    case int2
    case smallint
    case int4
    case int
    case integer
    case int8
    case bigint
    case numeric
    case decimal
    case float4
    case real
    case float8
    case doublePrecision = "double precision"
    case date
    case time
    case timetz
    case timestamp
    case timestamptz
    case uuid
    case json
    case jsonb
    case textArray = "text[]"
    case integerArray = "integer[]"
    case uuidArray = "uuid[]"
}
