/// A request resolved against the catalog: every name in it is the catalog's own.
struct Plan: Sendable, Equatable {
    enum Action: Sendable, Equatable {
        case read
        /// Body columns; none: one row of defaults.
        case insert([Column], Payload.Form)
        case update([Column])
        case delete
        /// A write that touches nothing: an empty array to insert, an empty object to set.
        case nothing
    }

    struct Output: Sendable, Equatable {
        let column: Column
        /// The member's name in the answer.
        let name: String
        let cast: CastType?
    }

    struct Condition: Sendable, Equatable {
        let column: Column
        let isNegated: Bool
        let condition: Filter.Condition
    }

    struct Order: Sendable, Equatable {
        let column: Column
        let isDescending: Bool
        let nulls: OrderTerm.Nulls?
    }

    /// What comes back.
    enum Result: Sendable, Equatable {
        /// The rows as a JSON array, and their number.
        case rows
        /// Their number only.
        case count
        /// For `Location`: the key of a row just made, as text, and the number of rows.
        case key([Column])
    }

    let table: Table
    let verb: Verb
    var action: Action
    var output: [Output] = []
    var conditions: [Condition] = []
    var order: [Order] = []
    var limit = RowBound.none
    var hasOffset = false
    /// Whether a read also counts what it would return without limit and offset.
    var countsAll = false
    var result: Result
}
