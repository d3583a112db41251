/// The rows of an answer among those there are: `first-last/total`, and what follows from that for its status (RFC 9110 §14.4).
struct ContentRange: Sendable, Equatable {
    /// Rows left out at the beginning.
    let offset: Int
    let count: Int
    /// Nil: not counted.
    let total: Int?
    /// Whether there are no more than the total: beyond a ceiling it only says that there are so many at least.
    let isExact: Bool

    /// - Throws: 416 `PGRST103` for an offset beyond a total that is certain.
    init(of request: PreparedRequest, _ outcome: Outcome) throws(APIError) {
        offset = request.offset
        count = outcome.count
        let operation = request.operation
        switch request.preferences.count {
        case nil:
            (total, isExact) = (nil, true)
        case .planned where !operation.verb.isRead:
            // What a write did is known; PostgREST says so for the other two only.
            (total, isExact) = (nil, true)
        case .exact, .planned, .estimated:
            let counted = outcome.total ?? outcome.count
            isExact = operation.countCeiling.map { counted <= $0 } ?? true
            // Rows in sight are there, however far was counted.
            total = isExact ? counted : max(counted, count > 0 ? offset + count : 0)
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
