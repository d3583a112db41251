/// How the rows without limit and offset are counted: all of them, or up to a number and one beyond. Rows that the planner expects are
/// none of a tenant's business: it expects them from what all tenants have.
struct RowCounting: Sendable, Hashable {
    let upTo: Int?

    static let all = RowCounting(upTo: nil)
}
