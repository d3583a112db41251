/// The rows of an answer among those there are: `first-last/total`, and what follows from that for its status (RFC 9110 §14.4).
struct ContentRange: Sendable, Equatable {
    /// Rows left out at the beginning.
    let offset: Int
    let count: Int
    /// Nil: not counted.
    let total: Int?
    /// Whether the total was counted and not only expected.
    let isExact: Bool

    /// - Throws: 416 `PGRST103` for an offset beyond a total that is certain.
    init(of request: PreparedRequest, _ outcome: Outcome) throws(APIError) {
        offset = request.offset
        count = outcome.count
        let operation = request.operation
        switch request.preferences.count {
        case nil:
            (total, isExact) = (nil, true)
        case .exact:
            (total, isExact) = (outcome.total ?? outcome.count, true)
        case .planned, .estimated:
            guard operation.verb.isRead else {
                // What a write did is known; PostgREST says so for these two only.
                (total, isExact) = (request.preferences.count == .estimated ? outcome.count : nil, true)
                return
            }
            let counted = request.preferences.count == .estimated ? outcome.total ?? outcome.count : nil
            if let counted, operation.countLimit.map({ counted <= $0 }) ?? true {
                (total, isExact) = (counted, true)
            } else {
                // Rows in sight are there, whatever the planner expects.
                total = max(outcome.estimate ?? 0, counted ?? 0, count > 0 ? offset + count : 0)
                isExact = false
            }
        }
        guard operation.verb.isRead, isExact, let total, offset > total else { return }
        throw APIError(
            416, "PGRST103", "Requested range not satisfiable",
            details: "An offset of \(offset) was requested, but there are only \(total) rows.")
    }

    /// Whether there are more rows than these.
    var isPartial: Bool { total.map { count < $0 } ?? false }

    /// `*` for what is empty, unknown or, as what was made or deleted, has no place in the table.
    func text(for verb: Verb) -> String {
        let hasRange = count > 0 && (verb.isRead || verb == .update || verb == .call)
        return (hasRange ? "\(offset)-\(offset + count - 1)" : "*") + "/" + (total.map { String($0) } ?? "*")
    }
}
