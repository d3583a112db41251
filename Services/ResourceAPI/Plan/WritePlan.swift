import JSON

/// A write resolved against the catalog.
struct WritePlan: Sendable, Equatable {
    enum Command: Sendable, Equatable {
        /// No columns: one row of defaults.
        case insert(Body, Conflict?)
        /// One row under the key of these filters, made or replaced.
        case put(Body, Conflict, [KeyFilter])
        case update(Body, ReadPlan)
        case delete(ReadPlan)
        /// Rows that are deleted softly, or come back.
        case mark(ReadPlan, isDeleted: Bool)
    }

    /// What is taken from the request's body.
    struct Body: Sendable, Equatable {
        let columns: [Column]
        let isArray: Bool
        /// Whether a row that lacks a column gets its default, not null.
        let usesDefaults: Bool
    }

    /// What happens to a row whose key there is already.
    struct Conflict: Sendable, Equatable {
        /// Visible columns of a unique key; the tenant's own column leads each of them and is added when the text is written.
        let target: [Column]
        let resolution: Preferences.Resolution
    }

    struct KeyFilter: Sendable, Equatable {
        let column: Column
        let value: ValueIndex
    }

    /// What comes back besides the number of rows.
    enum Answer: Sendable, Equatable {
        case nothing
        /// For `Location`.
        case key([Column])
        case rows(ReadPlan)
    }

    let table: Table
    let command: Command
    let answer: Answer
    /// More rows than this are refused, and stay as they are.
    var maximumAffected: ValueIndex?
    /// What must hold of the one row that is addressed.
    var rowCondition = RowCondition.none

    /// Whether it is told how many rows are new: where others were merged.
    var conflictToCount: Conflict? {
        switch command {
        case .insert(_, let conflict?) where conflict.resolution == .mergeDuplicates: conflict
        case .put(_, let conflict, _): conflict
        default: nil
        }
    }
}
