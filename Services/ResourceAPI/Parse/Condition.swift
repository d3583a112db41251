import JSON

/// What must hold of a row: a filter, or several joined by `and` or `or`.
indirect enum Condition: Sendable, Hashable {
    case filter(Filter)
    case all([Condition], isNegated: Bool)
    case any([Condition], isNegated: Bool)
}

/// `field=[not.]operator.value`
struct Filter: Sendable, Hashable {
    /// Also the name of an embedded relation, where the operation is `is.null` or `not.is.null`.
    let field: Field
    let isNegated: Bool
    let operation: Operation

    enum Operation: Sendable, Hashable {
        /// One value, in the text form of the column's type; of `like` and `ilike` a pattern with `%`.
        case compare(Comparison, ValueIndex)
        /// `eq(any)`: the value is an array literal.
        case quantified(Comparison, Quantifier, ValueIndex)
        /// `in`: the value is an array literal.
        case isIn(ValueIndex)
        case isKeyword(Keyword)
        /// `fts(language).query`
        case matches(TextSearch, language: ExactString?, ValueIndex)
    }

    /// Operators of two operands.
    enum Comparison: String, Sendable, Hashable, CaseIterable {
        case equal = "eq"
        case notEqual = "neq"
        case greater = "gt"
        case greaterOrEqual = "gte"
        case less = "lt"
        case lessOrEqual = "lte"
        case like
        case caseInsensitiveLike = "ilike"
        case match
        case caseInsensitiveMatch = "imatch"
        case isDistinct = "isdistinct"
        case contains = "cs"
        case isContained = "cd"
        case overlaps = "ov"
        case isStrictlyLeft = "sl"
        case isStrictlyRight = "sr"
        case extendsNotRight = "nxr"
        case extendsNotLeft = "nxl"
        case isAdjacent = "adj"
    }

    enum Quantifier: String, Sendable, Hashable {
        case any
        case all
    }

    enum TextSearch: String, Sendable, Hashable, CaseIterable {
        case query = "fts"
        case plain = "plfts"
        case phrase = "phfts"
        case webSearch = "wfts"
    }

    /// After `is`, in any case.
    enum Keyword: String, Sendable, Hashable {
        case null
        case notNull = "not_null"
        case isTrue = "true"
        case isFalse = "false"
        case unknown
    }
}
